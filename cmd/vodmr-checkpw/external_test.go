package main

import (
	"os"
	"strings"
	"testing"

	"vodmr/internal/keyhash"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// byKey writes a file with two logins that have a key, and one with a password.
func byKey(t *testing.T) (file string) {
	t.Helper()
	file = site(t)
	text := strings.Replace(require.File(t, file), "a bad line\n", "", 1)
	line := strings.Replace(text[:strings.Index(text, "\n")+1], "tanstaaf", "", 1)
	one := strings.Replace(line, "odmr@example.org:", "one:"+keyhash.Hash{1}.String()+",", 1)
	one = strings.Replace(one, ",:", ","+keyhash.Hash{2}.String()+":", 1)
	two := strings.Replace(line, "odmr@example.org:", "two:*", 1)
	two = strings.TrimSuffix(two, "\n") + keyhash.Hash{3}.String() + "\n"
	require.OK(t, os.WriteFile(file, []byte(text+one+two), 0o600))
	return file
}

// VODMR_EXTERNAL has the key that the customer has shown, and then that alone decides: with
// the index of -m as with the file.
func TestExternal(t *testing.T) {
	file := byKey(t)
	for _, indexed := range []bool{false, true} {
		if indexed {
			checkpw(t, "", "-m", file).want(t, 0, "", "")
		}
		for _, test := range []struct {
			login string
			key   keyhash.Hash
			out   string
		}{
			{"one", keyhash.Hash{1}, "one /srv/odmr NOLOGIN one h /\n"},
			{"One", keyhash.Hash{2}, "one /srv/odmr NOLOGIN One h /\n"},
			{"two", keyhash.Hash{3}, "two /srv/odmr NOLOGIN two h /\n"},
			{"two", keyhash.Hash{1}, ""},
			{"odmr@example.org", keyhash.Hash{1}, ""},
			{"odmr@example.org", keyhash.Hash{}, ""},
			{"bare", keyhash.Hash{1}, ""},
			{"nobody", keyhash.Hash{1}, ""},
		} {
			t.Setenv("VODMR_EXTERNAL", test.key.String())
			code, errors := 0, ""
			if test.out == "" {
				code, errors = 1, logged(test.key.String()+" is not the key of "+test.login)
			}
			checkpw(t, test.login+"\x00\x00\x00", file, "sh", "-c", show+`${VODMR_EXTERNAL+"a key"}`).want(t, code, test.out, errors)
		}
		t.Setenv("VODMR_EXTERNAL", "")
		for _, secret := range []string{"", keyhash.Hash{3}.String(), "*"} {
			checkpw(t, "two\x00"+secret+"\x00\x00", file, "sh", "-c", show).want(t, 1, "", "")
			checkpw(t, "two\x00"+dialogue.CRAM(secret, "<1.2@h>")+"\x00<1.2@h>\x00", file, "sh", "-c", show).want(t, 1, "", "")
		}
	}
}

// vodmr never sends a password beside VODMR_EXTERNAL.
func TestExternalMisused(t *testing.T) {
	file := byKey(t)
	t.Setenv("VODMR_EXTERNAL", keyhash.Hash{3}.String())
	for _, input := range []string{"two\x00secret\x00\x00", "two\x00\x00<1.2@h>\x00"} {
		checkpw(t, input, file, "sh", "-c", show).want(t, 2, "", logged("a password, and VODMR_EXTERNAL too"))
	}
	t.Setenv("VODMR_EXTERNAL", "yes")
	checkpw(t, "two\x00\x00\x00", file, "sh", "-c", show).want(t, 2, "", logged("VODMR_EXTERNAL is not the SHA-256 of a public key*"))
}
