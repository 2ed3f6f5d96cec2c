package maildir

import (
	"fmt"
	"strings"

	"vodmr/internal/address"
)

// reversePath makes the value of a Return-Path line fit for MAIL FROM:<...>. Brackets
// hold the quoted form; without them the address is raw.
func reversePath(value string) (sender string, double bool, err error) {
	if address.HasControl(value) {
		return "", false, fmt.Errorf("%w: Return-Path holds a control character", ErrNoEnvelope)
	}
	path, raw := strings.Trim(value, " "), true
	if inside, ok := strings.CutPrefix(path, "<"); ok {
		if inside, ok = strings.CutSuffix(inside, ">"); !ok {
			return "", false, fmt.Errorf("%w: Return-Path has no closing >", ErrNoEnvelope)
		}
		path, raw = inside, false
	}
	switch {
	case path == "#@[]":
		return "", true, nil
	case path == "" && raw:
		return "", false, fmt.Errorf("%w: Return-Path is empty", ErrNoEnvelope)
	case path == "" || isPath(path):
		return path, false, nil
	}
	sender, err = address.Quote(path)
	if _, domain, found := address.Cut(path); err != nil || found && !address.IsSafe(domain) {
		return "", false, fmt.Errorf("%w: Return-Path is no address", ErrNoEnvelope)
	}
	return sender, false, nil
}

// isPath reports if an address can stand between the brackets as it is (RFC 5321
// section 4.1.2).
func isPath(s string) bool {
	_, rest, ok := address.CutLocal(s)
	domain, found := strings.CutPrefix(rest, "@")
	return ok && (rest == "" || found && address.IsSafe(domain))
}
