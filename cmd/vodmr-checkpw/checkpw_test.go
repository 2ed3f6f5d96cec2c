package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
)

// bin is the folder of what TestMain built.
var bin string

func TestMain(m *testing.M) { os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr-checkpw")) }

const md5crypt = "$1$ab$dslkcXxVH.x8LwW1W/oAB/" // of "secret"

// site writes a vpasswd file with accounts of this user, if that is not root.
func site(t *testing.T) (file string) {
	t.Helper()
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 65534, 65533
	}
	id := fmt.Sprintf("%d:%d", uid, gid)
	file = filepath.Join(t.TempDir(), "vpasswd")
	text := "odmr@example.org::" + id + ":On Demand:/srv/odmr:NOQUOTA:tanstaaf\n" +
		"a bad line\n" +
		"bare:" + md5crypt + ":" + id + "::/srv/bare:NOQUOTA\n" +
		"root::0:0::/root::tanstaaf\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// logged is the line of log that says what went wrong.
func logged(text string) string { return `vodmr-checkpw: 4711 error error="` + text + "\"\n" }

// skipped is what the bad line in site's file costs.
var skipped = logged("*/vpasswd: line 2: 1 fields, want 8: skipped")

// A result is what came of a run.
type result struct {
	code        int
	out, errors string
}

// checkpw runs the real program with input on descriptor 3.
func checkpw(t *testing.T, input string, args ...string) result {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		defer w.Close()
		_, _ = w.WriteString(input)
	}()
	return run3(t, []*os.File{r}, args...)
}

// run3 runs the real program with files as descriptors 3 and up. Its log must be as
// vodmr-log(5) says.
func run3(t *testing.T, files []*os.File, args ...string) result {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "vodmr-checkpw"), args...)
	cmd.Env = append(os.Environ(), "USER=stale", "HOME=/stale", "SHELL=/stale", "VPOPUSER=stale", "VODMR_HOST=h", "VODMR_SESSION=4711")
	cmd.Dir = "/"
	cmd.ExtraFiles = files
	if os.Getuid() == 0 {
		// A group of root's that the account must not keep.
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{4242}}}
	}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	logformat.Test(t, errs.String())
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// want compares a result with patterns.
func (r result) want(t *testing.T, code int, out, errors string) {
	t.Helper()
	if r.code != code || !dialogue.Match(out, r.out) || !dialogue.Match(errors, r.errors) {
		t.Errorf("got %d, %q, %q\nwant %d, %q, %q", r.code, r.out, r.errors, code, out, errors)
	}
}

const show = `echo "$USER $HOME $SHELL $VPOPUSER $VODMR_HOST $PWD"`

func TestRightPassword(t *testing.T) {
	file := site(t)
	cram := dialogue.CRAM("tanstaaf", "<1.2@h>")
	for input, out := range map[string]string{
		"odmr@example.org\x00" + cram + "\x00<1.2@h>\x00": "odmr /srv/odmr NOLOGIN odmr@example.org h /\n",
		"Odmr@Example.org\x00" + cram + "\x00<1.2@h>\x00": "odmr /srv/odmr NOLOGIN Odmr@Example.org h /\n",
		"odmr@example.org\x00tanstaaf\x00\x00":            "odmr /srv/odmr NOLOGIN odmr@example.org h /\n",
		"odmr@example.org\x00tanstaaf\x00":                "odmr /srv/odmr NOLOGIN odmr@example.org h /\n",
		"bare\x00secret\x00\x00":                          "bare /srv/bare NOLOGIN bare h /\n",
	} {
		checkpw(t, input, file, "sh", "-c", show).want(t, 0, out, skipped)
	}
}

func TestRefused(t *testing.T) {
	file := site(t)
	cram := dialogue.CRAM("tanstaaf", "<1.2@h>")
	for _, input := range []string{
		"odmr@example.org\x00wrong\x00\x00",
		"odmr@example.org\x00\x00\x00",
		"odmr@example.org\x00" + cram + "\x00<1.3@h>\x00",
		"odmr@example.org\x00" + cram + "\x00\x00",
		"odmr@example.org\x00tanstaaf\x00<1.2@h>\x00",
		"odmr\x00tanstaaf\x00\x00",
		"someone@example.org\x00tanstaaf\x00\x00",
		"bare\x00" + md5crypt + "\x00\x00",
		"bare\x00" + dialogue.CRAM("", "<1.2@h>") + "\x00<1.2@h>\x00",
		"\x00\x00\x00",
	} {
		checkpw(t, input, file, "sh", "-c", show).want(t, 1, "", skipped)
	}
}

func TestInputThatIsNotCheckpasswords(t *testing.T) {
	file := site(t)
	for _, test := range []struct {
		input, reason string
		code          int
	}{
		{"", "want login, password and challenge", 2},
		{"odmr@example.org", "want login, password and challenge", 2},
		{"odmr@example.org\x00tanstaaf", "want login, password and challenge", 2},
		{"odmr@example.org\x00tanstaaf\x00<1.2", "more than login, password and challenge", 1},
		{"odmr@example.org\x00tanstaaf\x00\x00x\x00", "more than login, password and challenge", 1},
		{"odmr@example.org\x00tanstaaf\x00\x00" + strings.Repeat("x", 500), "more than 512 bytes", 1},
		{strings.Repeat("x", 100_000), "more than 512 bytes", 1},
	} {
		checkpw(t, test.input, file, "sh", "-c", show).want(t, test.code, "", logged("descriptor 3: "+test.reason))
	}
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{nil, {"file"}, {"-x", "file", "true"}} {
		checkpw(t, "a\x00b\x00\x00", args...).want(t, 2, "", "vodmr-checkpw: *\nusage: vodmr-checkpw *\n")
	}
	// Go's own start may have opened a file as descriptor 3, so the words differ.
	run3(t, nil, site(t), "true").want(t, 2, "", logged("descriptor 3: *"))
}

// Without vodmr in front a line is named by the process, as vodmr's own are.
func TestSessionOfItsOwn(t *testing.T) {
	cmd := exec.Command(filepath.Join(bin, "vodmr-checkpw"), site(t), "true")
	cmd.Env = []string{} // no VODMR_SESSION
	out, _ := cmd.CombinedOutput()
	want := fmt.Sprintf(`vodmr-checkpw: %d error error="descriptor 3: *"`+"\n", cmd.ProcessState.Pid())
	if !dialogue.Match(want, string(out)) {
		t.Errorf("got %q, want %q", out, want)
	}
}

// Whatever is wrong with a line of the file, or with what comes on descriptor 3, no
// password and no hash is in the log.
func TestNoSecretInTheLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vpasswd")
	const hash, clear = "$6$salt$HASHED", "a clear SECRET"
	lines := []string{
		hash + ":" + clear,                                       // too few fields
		"a:" + hash + ":1:1:g:" + clear,                          // one too few
		"a:" + hash + ":" + clear + ":1:g:/d:s:" + clear,         // no uid
		"a:" + hash + ":1:" + hash + ":g:/d:s:" + clear,          // no gid
		":" + hash + ":1:1:g:/d:s:" + clear,                      // no name
		"a:" + hash + ":1:1:g::s:" + clear,                       // no directory
		"a:" + hash + ":1:1:g:/d:s:" + clear + "\x00" + clear,    // a NUL
		"0:" + hash + ":0:0:g:/d:s:" + clear,                     // root's
		"b:" + hash + ":4294967295:1:g:/d:s:" + clear + "\r\r\n", // no change
	}
	require.OK(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
	for _, input := range []string{
		"0\x00" + clear + "\x00\x00",
		"a\x00" + clear + "\x00\x00",
		"a\x00" + clear,
		"a\x00" + clear + "\x00" + clear,
		strings.Repeat(clear, 100),
	} {
		r := checkpw(t, input, file, "/nonexistent")
		if r.errors == "" || strings.Contains(r.errors, "SECRET") || strings.Contains(r.errors, "HASHED") {
			t.Errorf("%q: the log is %s", input, r.errors)
		}
	}
}

func TestTemporaryTrouble(t *testing.T) {
	const right = "bare\x00secret\x00\x00"
	checkpw(t, right, "/nonexistent/vpasswd", "true").want(t, 111, "", logged("*/nonexistent/vpasswd: no such file*"))
	checkpw(t, right, "/", "true").want(t, 111, "", logged("/: not a regular file"))
	fifo := t.TempDir() + "/vpasswd"
	require.OK(t, syscall.Mkfifo(fifo, 0o600))
	checkpw(t, right, fifo, "true").want(t, 111, "", logged(fifo+": not a regular file"))
	checkpw(t, right, site(t), "/nonexistent/vodmr-relay").want(t, 111, "", skipped+logged("*/vodmr-relay: no such file*"))
	checkpw(t, right, site(t), "no-such-program").want(t, 111, "", skipped+logged("*not found in PATH*"))
}

// TestFileThatOthersMayWrite: a user that can change the file could log in as anybody.
func TestFileThatOthersMayWrite(t *testing.T) {
	const right = "bare\x00secret\x00\x00"
	file := site(t)
	for mode, words := range map[os.FileMode]string{
		0o620: "its mode 0620 lets others write to it: chmod go-w it",
		0o602: "its mode 0602 lets others write to it: chmod go-w it",
		0o666: "its mode 0666 lets others write to it: chmod go-w it",
		0o644: "",
		0o640: "",
		0o600: "",
	} {
		require.OK(t, os.Chmod(file, mode))
		code, out, log := 0, "in\n", skipped
		if words != "" {
			code, out, log = 111, "", logged("*/vpasswd: "+words)
		}
		checkpw(t, right, file, "echo", "in").want(t, code, out, log)
	}
}

// TestFileOfAnotherUser: root reads no file of a user, who could name any uid in it.
func TestFileOfAnotherUser(t *testing.T) {
	require.Root(t, "only root can give a file away")
	file := site(t)
	require.OK(t, os.Chown(file, 65534, 65533))
	checkpw(t, "bare\x00secret\x00\x00", file, "true").want(t, 111, "",
		logged("*/vpasswd: it belongs to uid 65534, which is neither root nor this program's, 0: chown it"))
}

// Descriptor 4 is the relay's way to say that it runs; 3 held the password.
func TestDescriptorsOfTheProgram(t *testing.T) {
	in, err := os.CreateTemp(t.TempDir(), "fd3")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := in.WriteString("bare\x00secret\x00\x00"); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	run3(t, []*os.File{in, w}, site(t), "sh", "-c", `printf x >&4; (: <&3) 2>/dev/null && echo 3 is open; exit 7`).
		want(t, 7, "", skipped)
	w.Close()
	got := make([]byte, 2)
	if n, _ := r.Read(got); string(got[:n]) != "x" {
		t.Errorf("descriptor 4 carried %q, want x", got[:n])
	}
}

func TestRootBecomesTheAccount(t *testing.T) {
	require.Root(t, "only root can become another")
	const ids = `id -u; id -g; id -G`
	checkpw(t, "bare\x00secret\x00\x00", site(t), "sh", "-c", ids).want(t, 0, "65534\n65533\n65533\n", skipped)
	checkpw(t, "root\x00tanstaaf\x00\x00", site(t), "sh", "-c", ids).want(t, 111, "", skipped+logged("root: the mailbox belongs to root: give it to a user of its own"))
}

func TestPlainUserStaysWhatItIs(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("needs a plain user")
	}
	want := fmt.Sprintf("%d\n", os.Getuid())
	checkpw(t, "root\x00tanstaaf\x00\x00", site(t), "sh", "-c", "id -u").want(t, 0, want, skipped)
}
