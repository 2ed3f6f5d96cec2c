package vpasswd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/keyhash"
)

var (
	oldKey = keyhash.Hash{1}
	newKey = keyhash.Hash{2}
)

const hexOfOld = "sha256:0100000000000000000000000000000000000000000000000000000000000000"

// A hash may stand in place of either password, and two of them during a change.
func TestParseLineWithKeys(t *testing.T) {
	two := oldKey.String() + "," + newKey.String()
	for line, keys := range map[string][]keyhash.Hash{
		"a:*:1:2:g:/d:-:" + oldKey.String():                {oldKey},
		"a::1:2:g:/d:-:" + hexOfOld:                        {oldKey},
		"a:external:1:2:g:/d:-:" + two:                     {oldKey, newKey},
		"a:" + oldKey.String() + ":1:2:g:/d:-":             {oldKey},
		"a:" + hexOfOld + ":1:2:g:/d:-:":                   {oldKey},
		"a:" + two + ":1:2:g:/d:-:":                        {oldKey, newKey},
		"a:" + hexOfOld + ":1:2:g:/d:-:" + newKey.String(): {oldKey, newKey},
	} {
		e, err := ParseLine(line)
		if err != nil || !cmp.Equal(e.Keys, keys) || e.Dir != "/d" || e.UID != 1 || e.Clear != "" {
			t.Errorf("%s: %+v, %v", line, e, err)
		}
		read, err := ParseLine(e.Line())
		if diff := cmp.Diff(e, read); err != nil || diff != "" {
			t.Errorf("%s: from the index: %v\n%s", line, err, diff)
		}
	}
}

// A typing error must make no password, and no password may open a login beside its key.
func TestParseLineWithBadKeys(t *testing.T) {
	for _, line := range []string{
		"a:*:1:2:g:/d:-:sha256:secret",
		"a:*:1:2:g:/d:-:" + oldKey.String() + ",secret",
		"a:*:1:2:g:/d:-:" + oldKey.String() + ",",
		"a:sha256:secret:1:2:g:/d:-:",
		"a:sha256:",
		"a:" + oldKey.String() + ",:1:2:g:/d:-:",
		"a:" + oldKey.String() + ",secret:1:2:g:/d:-:",
		"a:" + oldKey.String() + ":1:2:g:/d:-:secret",
		"a:$1$ab$dslkcXxVH.x8LwW1W/oAB/:1:2:g:/d:-:" + oldKey.String(),
	} {
		if e, err := ParseLine(line); err == nil {
			t.Errorf("%s was taken: %+v", line, e)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the text: %v", line, err)
		}
	}
}

func TestCheckKey(t *testing.T) {
	entries, bad := Parse("a:*:1:2:g:/a:-:" + oldKey.String() + "," + newKey.String() + "\nb:*:1:2:g:/b:-:" + hexOfOld + "\nc:*:1:2:g:/c:-:clear\n")
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	for _, test := range []struct {
		login string
		key   keyhash.Hash
		right bool
	}{
		{"a", oldKey, true}, {"A", newKey, true}, {"b", oldKey, true},
		{"b", newKey, false}, {"c", oldKey, false}, {"d", oldKey, false}, {"a", keyhash.Hash{}, false}, {"c", keyhash.Hash{}, false},
	} {
		if _, right := CheckKey(entries, test.login, test.key); right != test.right {
			t.Errorf("%s with %s: %v", test.login, test.key, right)
		}
	}
}

// No password opens a login that has a key: not the hash, not the line's other text.
func TestKeyIsNoPassword(t *testing.T) {
	for _, line := range []string{"a:*:1:2:g:/d:-:" + hexOfOld, "a:" + hexOfOld + ":1:2:g:/d:-:", "a:external:1:2:g:/d:-:" + hexOfOld} {
		entries, _ := Parse(line)
		for _, password := range []string{"", "*", "external", hexOfOld, strings.TrimPrefix(hexOfOld, "sha256:"), oldKey.String()} {
			if _, right := CheckPassword(entries, "a", password); right {
				t.Errorf("%s: the password %q is taken", line, password)
			}
			if _, right := CheckCRAM(entries, "a", respond(password, "<1@h>"), "<1@h>"); right {
				t.Errorf("%s: a response made of %q is taken", line, password)
			}
		}
	}
}
