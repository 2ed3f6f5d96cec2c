package vpasswd

import (
	"errors"
	"slices"
	"testing"
)

// Whatever the login, one digest of each kind that the file has is among the entries, so
// that the time does not tell which logins exist.
func TestLookupHasOneDigestOfEachKind(t *testing.T) {
	const a, b, c = "$1$aa$xxxxxxxxxxxxxxxxxxxxxx", "$6$bb$yyyy", "$6$rounds=9000$bb$yyyy"
	stamp := Stamp{Changed: 7, Size: 8}
	text := "one:" + a + ":1:1::/d:-:\ntwo:" + b + ":1:1::/d:-:\nthree:" + b + ":1:1::/d:-:\nfour:" + c + ":1:1::/d:-:x:y\n"
	find := lookupIn(t, text, stamp)
	for login, want := range map[string][]string{
		"nobody": {a, b, c}, "ONE": {a, a, b, c}, "four": {c, a, b, c}, "": {a, b, c},
	} {
		entries, fresh, err := Lookup(find, login, stamp)
		var digests []string
		for _, e := range entries {
			digests = append(digests, e.Crypt)
		}
		if err != nil || !fresh || !slices.Equal(digests, want) {
			t.Errorf("%q: %q, %v, %v, want %q", login, digests, fresh, err, want)
		}
	}
	entries, _, _ := Lookup(find, "four", stamp)
	if entries[0].Clear != "x:y" {
		t.Errorf("got %q", entries[0].Clear)
	}
}

// lookupIn finds keys as a reader of Index's database does, from the records themselves.
func lookupIn(t *testing.T, text string, stamp Stamp) func(string) (string, bool, error) {
	t.Helper()
	records, bad := records(text, stamp)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	return func(key string) (string, bool, error) {
		for _, r := range records {
			if r.Key == key {
				return r.Value, true, nil
			}
		}
		return "", false, nil
	}
}

func TestLookupInAnotherStateOfTheFile(t *testing.T) {
	find := lookupIn(t, "one:*:1:1::/d:-:\n", Stamp{7, 8})
	for _, stamp := range []Stamp{{7, 9}, {8, 8}, {}} {
		if entries, fresh, err := Lookup(find, "one", stamp); fresh || err != nil || entries != nil {
			t.Errorf("%v: %v, %v, %v", stamp, entries, fresh, err)
		}
	}
}

func TestLookupThatFails(t *testing.T) {
	broken := errors.New("broken")
	if _, _, err := Lookup(func(string) (string, bool, error) { return "", false, broken }, "one", Stamp{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	stamp := Stamp{7, 8}
	find := func(key string) (string, bool, error) {
		if key == "" {
			return stamp.String(), true, nil
		}
		return "no account", true, nil
	}
	if _, _, err := Lookup(find, "one", stamp); err == nil {
		t.Error("a damaged account was taken")
	}
}
