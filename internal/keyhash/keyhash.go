// Package keyhash owns the text form of a public key's hash: the SHA-256 of the key's
// SubjectPublicKeyInfo in DER (RFC 5280 section 4.1). A provider's pin is one, and so is the
// key of a customer that logs in by AUTH EXTERNAL. It computes none: crypto/sha256 costs
// time at the start of a program, and vodmr only hands hashes on.
package keyhash

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// Prefix begins a hash.
const Prefix = "sha256:"

// Size is the length of a hash in bytes.
const Size = 32

// A Hash is the SHA-256 of a public key.
type Hash [Size]byte

// ErrNoHash says how a hash is written.
var ErrNoHash = errors.New("not the SHA-256 of a public key: sha256: and then 64 hexadecimal digits, or 43 characters of base64")

// Is reports if a text begins as a hash does. Upper and lower case of the prefix are the same.
func Is(text string) bool {
	return len(text) >= len(Prefix) && strings.EqualFold(text[:len(Prefix)], Prefix)
}

// Parse takes Prefix and the hash in hexadecimal digits of either case, with colons between
// the bytes or without, or in base64 of either alphabet (RFC 4648). The error is ErrNoHash.
func Parse(text string) (Hash, error) {
	if !Is(text) {
		return Hash{}, ErrNoHash
	}
	text = text[len(Prefix):]
	sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		url := strings.NewReplacer("+", "-", "/", "_").Replace(text)
		sum, err = base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(url, "="))
	}
	if err != nil || len(sum) != Size {
		return Hash{}, ErrNoHash
	}
	return Hash(sum), nil
}

// String is the form that Parse takes: base64 without padding, as it may stand in a URL.
func (h Hash) String() string { return Prefix + base64.RawURLEncoding.EncodeToString(h[:]) }
