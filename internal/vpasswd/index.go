package vpasswd

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"vodmr/internal/address"
	"vodmr/internal/cdb"
)

// An index is the file of accounts as a constant database, so that a login costs the same
// however many accounts there are. The key is the login in lower case, the value its line.
// The empty key has the stamp of the file that it was made from, and then, a line each, one
// digest of each kind, for the sake of CheckPassword's time.

// A Stamp tells one state of the file of accounts from any other.
type Stamp struct {
	Changed int64 // when its content last changed, in nanoseconds since 1970
	Size    int64 // in bytes
}

// indexKind is the first word of an index: vpopmail's vpasswd.cdb has none.
const indexKind = "vodmr-checkpw 1 "

func (s Stamp) String() string {
	return indexKind + strconv.FormatInt(s.Changed, 10) + " " + strconv.FormatInt(s.Size, 10)
}

// Index makes the index of a whole file. bad has an error for each line that is no account, as
// Parse has it; these are not in the index.
func Index(text string, stamp Stamp) (index []byte, bad []error) {
	list, bad := records(text, stamp)
	return cdb.Make(list), bad
}

func records(text string, stamp Stamp) (list []cdb.Record, bad []error) {
	entries, bad := Parse(text)
	head := []string{stamp.String()}
	seen := make(map[kind]bool)
	for _, e := range entries {
		if k := kindOf(e.Crypt); k.name != "" && !seen[k] {
			seen[k] = true
			head = append(head, e.Crypt)
		}
		list = append(list, cdb.Record{Key: e.Name, Value: e.Line()})
	}
	return append(list, cdb.Record{Value: strings.Join(head, "\n")}), bad
}

// Line is the entry as ParseLine reads it.
func (e Entry) Line() string {
	return strings.Join([]string{
		e.Name, e.Crypt, strconv.Itoa(e.UID), strconv.Itoa(e.GID), e.Gecos, e.Dir, e.Shell, cmp.Or(e.Clear, e.keys()),
	}, ":")
}

// Lookup returns the entries that decide about a login: its own, if it has one, and one
// that is nobody's for each kind of digest. find looks a key up in the index. fresh is false
// if the index was not made from the file with this stamp.
func Lookup(find func(key string) (value string, found bool, err error), login string, stamp Stamp) (entries []Entry, fresh bool, err error) {
	head, _, err := find("")
	if err != nil {
		return nil, false, err
	}
	made, digests, _ := strings.Cut(head, "\n")
	if made != stamp.String() {
		return nil, false, nil
	}
	line, found, err := find(address.Lower(login))
	if err != nil {
		return nil, false, err
	}
	if found && login != "" {
		e, err := ParseLine(line)
		if err != nil {
			return nil, false, fmt.Errorf("the account of %q: %w", login, err)
		}
		entries = append(entries, e)
	}
	for digest := range strings.Lines(digests) {
		// It is there for its digest: no login has a NUL.
		entries = append(entries, Entry{Name: "\x00", Crypt: strings.TrimSuffix(digest, "\n")})
	}
	return entries, true, nil
}
