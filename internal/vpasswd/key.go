package vpasswd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vodmr/internal/keyhash"
)

// CheckKey reports if a login may be used with the private key that has this hash: the
// client has proved in the TLS handshake that it has the key. The hash is no secret.
func CheckKey(entries []Entry, login string, key keyhash.Hash) (Entry, bool) {
	e, known := Find(entries, login)
	return e, known && slices.Contains(e.Keys, key)
}

// cutKeys takes the hashes out of a line that has them as its second field, since their
// colons would shift the fields behind it. An asterisk stays there.
func cutKeys(line string) (rest string, keys []keyhash.Hash, err error) {
	name, text, _ := strings.Cut(line, ":")
	if !keyhash.Is(text) {
		return line, nil, nil
	}
	end := 0
	for keyhash.Is(text[end:]) {
		end += len(keyhash.Prefix)
		end += strings.IndexAny(text[end:]+":", ",:")
		if !strings.HasPrefix(text[end:], ",") {
			break
		}
		end++
	}
	keys, err = parseKeys(text[:end])
	return name + ":*" + text[end:], keys, err
}

// parseKeys takes hashes with commas between them.
func parseKeys(text string) (keys []keyhash.Hash, err error) {
	for part := range strings.SplitSeq(text, ",") {
		key, err := keyhash.Parse(part)
		if err != nil {
			return nil, fmt.Errorf("a key is %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// setKeys takes the hashes that stand in place of the clear password. A text that only
// begins like one is an error: as a password it would be one that the admin never chose. So
// is a password beside a key, since it would open the login too.
func (e *Entry) setKeys() error {
	if keyhash.Is(e.Clear) {
		keys, err := parseKeys(e.Clear)
		if err != nil {
			return err
		}
		e.Keys, e.Clear = append(e.Keys, keys...), ""
	}
	if len(e.Keys) > 0 && (e.Clear != "" || strings.HasPrefix(e.Crypt, "$")) {
		return errors.New("a key and a password: a login has one of them, so write * in place of the crypt and leave clear empty")
	}
	return nil
}

// keys is the text that parseKeys takes.
func (e Entry) keys() string {
	var list []string
	for _, key := range e.Keys {
		list = append(list, key.String())
	}
	return strings.Join(list, ",")
}
