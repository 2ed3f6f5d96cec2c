package maildir

import (
	"fmt"
	"strings"

	"vodmr/internal/address"
)

// reversePath makes the value of a Return-Path line fit for MAIL FROM:<...>. The address is
// quoted if it has brackets, and raw if not.
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

// forwardPath returns the raw recipient of a line that has it as in SMTP: a quoted local
// part stands for the text in the quotes, and any other for itself.
func forwardPath(field, value string) (string, error) {
	raw := value
	if strings.HasPrefix(value, `"`) {
		local, rest, ok := address.CutLocal(value)
		if !ok || !strings.HasPrefix(rest, "@") {
			return "", fmt.Errorf("%w: %s is no address", ErrNoEnvelope, field)
		}
		raw = local + rest
	}
	return raw, checkRecipient(field, raw)
}

// severalAddresses reports if the value of a line is a list: more stands behind a comma that
// is not within a quoted local part.
func severalAddresses(value string) bool {
	_, rest, ok := address.CutLocal(value)
	return strings.Contains(value, ",") && (!ok || strings.Contains(rest, ","))
}

// checkRecipient refuses a text that cannot be an address; field is the name of its line.
// The customer's server decides about the part in front of the @.
func checkRecipient(field, r string) error {
	local, domain, found := address.Cut(r)
	switch {
	case r == "":
		return fmt.Errorf("%w: %s is empty", ErrNoEnvelope, field)
	case address.HasControl(r):
		return fmt.Errorf("%w: %s holds a control character", ErrNoEnvelope, field)
	case !found:
		return fmt.Errorf("%w: %s has no @", ErrNoEnvelope, field)
	case local == "" || !address.IsSafe(domain):
		return fmt.Errorf("%w: %s is no address", ErrNoEnvelope, field)
	}
	return nil
}
