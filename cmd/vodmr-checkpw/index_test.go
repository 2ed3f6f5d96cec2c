package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/internal/cdb"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// write puts text into a file of accounts and gives it a date of its own.
func write(t *testing.T, file, text string, changed time.Time) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, changed, changed); err != nil {
		t.Fatal(err)
	}
}

// indexed is site's file without its bad line, and with an index.
func indexed(t *testing.T) (file, text string) {
	t.Helper()
	file = site(t)
	all, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = strings.Replace(string(all), "a bad line\n", "", 1)
	write(t, file, text, time.Now())
	makes(t, file, 0, "")
	return file, text
}

// makes runs vodmr-checkpw -m as its admin does.
func makes(t *testing.T, file string, code int, complaint string) {
	t.Helper()
	out, err := exec.Command(filepath.Join(bin, "vodmr-checkpw"), "-m", file).CombinedOutput()
	exit, failed := err.(*exec.ExitError)
	got := 0
	if failed {
		got = exit.ExitCode()
	}
	if got != code || !dialogue.Match(complaint, string(out)) {
		t.Errorf("exit code %d, %q; want %d, %q", got, out, code, complaint)
	}
}

// planted changes the index so that a login by it can be told from one by the file.
func planted(t *testing.T, file, from, to string) {
	t.Helper()
	content, err := os.ReadFile(file + ".cdb")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(content), from, to, 1)
	if changed == string(content) || len(from) != len(to) {
		t.Fatalf("the index has no %q", from)
	}
	if err := os.WriteFile(file+".cdb", []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	byClear = "Odmr@example.org\x00tanstaaf\x00\x00"
	byCrypt = "bare\x00secret\x00\x00"
)

func TestIndexSaysWhatTheFileSays(t *testing.T) {
	file, _ := indexed(t)
	cram := dialogue.CRAM("tanstaaf", "<1.2@h>")
	for input, want := range map[string]struct {
		code int
		out  string
	}{
		byClear: {0, "odmr /srv/odmr NOLOGIN Odmr@example.org h /\n"},
		byCrypt: {0, "bare /srv/bare NOLOGIN bare h /\n"},
		"odmr@example.org\x00" + cram + "\x00<1.2@h>\x00": {0, "odmr /srv/odmr NOLOGIN odmr@example.org h /\n"},
		"odmr@example.org\x00wrong\x00\x00":               {1, ""},
		"nobody@example.org\x00secret\x00\x00":            {1, ""},
		"\x00secret\x00\x00":                              {1, ""},
		"\x00\x00\x00":                                    {1, ""},
		"root\x00tanstaaf\x00\x00":                        {want0(), ""},
	} {
		r := checkpw(t, input, file, "sh", "-c", show)
		if r.code != want.code || r.out != want.out {
			t.Errorf("%q: %+v, want %+v", input, r, want)
		}
	}
}

// want0 is the exit code for the account with uid 0: root refuses it, and anybody else
// stays who it is.
func want0() int {
	if os.Getuid() == 0 {
		return 111
	}
	return 0
}

// The index is what is read: a change in it shows. A file that changed since is read itself.
func TestStaleIndexIsNotRead(t *testing.T) {
	file, text := indexed(t)
	planted(t, file, ":tanstaaf", ":TANSTAAF")
	checkpw(t, byClear, file, "true").want(t, 1, "", "")

	write(t, file, text, time.Now().Add(time.Second))
	checkpw(t, byClear, file, "true").want(t, 0, "", "")
	write(t, file, strings.Replace(text, "tanstaaf", "changed", 2), time.Now())
	checkpw(t, byClear, file, "true").want(t, 1, "", "")
	makes(t, file, 0, "")
	checkpw(t, strings.Replace(byClear, "tanstaaf", "changed", 1), file, "true").want(t, 0, "", "")
}

// vpopmail has a vpasswd.cdb too, of another form.
func TestIndexOfVpopmail(t *testing.T) {
	file, _ := indexed(t)
	foreign := cdb.Make([]cdb.Record{{Key: "odmr@example.org", Value: "a:b:1:1:x:/tmp:y:other"}})
	if err := os.WriteFile(file+".cdb", foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	checkpw(t, byClear, file, "true").want(t, 0, "", "")
}

func TestIndexThatCannotBeTrusted(t *testing.T) {
	file, _ := indexed(t)
	if err := os.Chmod(file+".cdb", 0o666); err != nil {
		t.Fatal(err)
	}
	checkpw(t, byClear, file, "true").want(t, 111, "", "*vpasswd.cdb*chmod go-w*")
	if err := os.WriteFile(file+".cdb", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file+".cdb", 0o600); err != nil {
		t.Fatal(err)
	}
	checkpw(t, byClear, file, "true").want(t, 111, "", "*damaged*")
}

// An index holds passwords: it is as readable as its file and no more. A file with a bad
// line has none, and one that is there stays.
func TestMakeIndex(t *testing.T) {
	file, text := indexed(t)
	before, err := os.ReadFile(file + ".cdb")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file + ".cdb")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	write(t, file, text+"a bad line\n", time.Now())
	makes(t, file, 1, "vodmr-checkpw: *line 4: *\nvodmr-checkpw: *stays as it was*\n")
	if after, err := os.ReadFile(file + ".cdb"); err != nil || string(after) != string(before) {
		t.Errorf("the index changed: %v", err)
	}
	left, err := filepath.Glob(filepath.Dir(file) + "/.*cdb*")
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	makes(t, "/nonexistent/vpasswd", 111, "vodmr-checkpw: *no such file*\n")
}

// Root makes the index of a file that belongs to the account of the service. It is that
// account's too, so root does not log anybody in by it.
func TestMakeIndexOfAnotherUsersFile(t *testing.T) {
	require.Root(t, "only root can give a file away")
	file, _ := indexed(t)
	require.OK(t, os.Chown(file, 65534, 65533))
	makes(t, file, 0, "")
	info, err := os.Stat(file + ".cdb")
	require.OK(t, err)
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 65534 || st.Gid != 65533 || info.Mode().Perm() != 0o600 {
		t.Errorf("the index belongs to %d, %d, mode %v", st.Uid, st.Gid, info.Mode())
	}
	if r := checkpw(t, "bare\x00secret\x00\x00", file, "true"); r.code != 111 {
		t.Errorf("a login: %+v", r)
	}
}

// A login by the index opens the file and reads nothing of it, so its cost does not grow
// with the number of accounts. An unknown one still computes one digest of each kind: see
// vpasswd's tests.
func TestIndexOfManyAccounts(t *testing.T) {
	file := site(t)
	var text strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&text, "customer%d@example.org:*:65534:65533::/srv/%d:-:secret %d\n", i, i, i)
	}
	write(t, file, text.String(), time.Now())
	makes(t, file, 0, "")
	// Text that makes no sense any more, with the old size and date: nobody reads it.
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, strings.Repeat("?", text.Len()), info.ModTime())
	checkpw(t, "customer12345@example.org\x00secret 12345\x00\x00", file, "true").want(t, 0, "", "")
}
