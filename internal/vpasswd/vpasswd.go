// Package vpasswd reads accounts from a text file in the format of vpopmail's
// vpasswd, a line each, and checks passwords against them:
//
//	name:crypt:uid:gid:gecos:dir:shell:clear
//
// name is a login, with or without a domain; crypt a crypt(3) password; dir the
// folder that holds the account's Maildir; clear the password itself, which
// CRAM-MD5 needs. Older files have no clear. shell holds vpopmail's quota.
//
// In place of a password, as clear or as crypt, a line may hold hashes of public keys,
// sha256:HASH with commas between them. Such a login has no password: it works by AUTH
// EXTERNAL alone.
package vpasswd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"vodmr/internal/address"
	"vodmr/internal/keyhash"
)

// An Entry is one account.
type Entry struct {
	Name     string // in lower case
	Crypt    string // "" for none
	UID, GID int
	Gecos    string
	Dir      string
	Shell    string
	Clear    string         // "" for none
	Keys     []keyhash.Hash // if there are any, Clear is empty and Crypt matches nothing
}

// fields of a line: the last, clear, may be missing and may hold colons.
const (
	minFields = 7
	maxFields = 8
)

// Parse reads a whole file. Empty lines and lines that start with "#" count for
// nothing. bad has an error for each line that is no account, with its number
// but without its text, which may hold a password.
func Parse(text string) (entries []Entry, bad []error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		e, err := ParseLine(line)
		if err != nil {
			bad = append(bad, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		entries = append(entries, e)
	}
	return entries, bad
}

// ParseLine reads one account.
func ParseLine(line string) (Entry, error) {
	line, keys, err := cutKeys(line)
	if err != nil {
		return Entry{}, err
	}
	f := strings.SplitN(line, ":", maxFields)
	if len(f) < minFields {
		return Entry{}, fmt.Errorf("%d fields, want %d", len(f), maxFields)
	}
	if strings.ContainsAny(line, "\x00\r\n") {
		return Entry{}, errors.New("a control character")
	}
	e := Entry{Name: address.Lower(f[0]), Crypt: f[1], Gecos: f[4], Dir: f[5], Shell: f[6], Keys: keys}
	if len(f) == maxFields {
		e.Clear = f[7]
	}
	if e.Name == "" || e.Dir == "" {
		return Entry{}, errors.New("the name and the directory must not be empty")
	}
	if err := e.setKeys(); err != nil {
		return Entry{}, err
	}
	if e.UID, err = parseID(f[2]); err != nil {
		return Entry{}, fmt.Errorf("uid: %w", err)
	}
	if e.GID, err = parseID(f[3]); err != nil {
		return Entry{}, fmt.Errorf("gid: %w", err)
	}
	return e, nil
}

// parseID reads a user's or group's number; the largest of 32 bits means
// "no change" to the system and is refused.
func parseID(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, errors.New("not a number from 0 to 2147483647")
	}
	return int(n), nil
}

// Find returns the account of a login. Its name must be the whole login,
// upper and lower case aside; the first of several counts. All names are compared, so
// that the time does not tell which line of the file a login has.
func Find(entries []Entry, login string) (e Entry, known bool) {
	login = address.Lower(login)
	for i := range entries {
		if entries[i].Name == login && !known {
			e, known = entries[i], true
		}
	}
	return e, known
}
