package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/qmail"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/logformat"
)

// bin has this program, the stand-in for sendmail, and the program that makes system
// calls fail.
var bin string

func TestMain(m *testing.M) {
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr-sendmail", "vodmr/test/standin/sendmail", "vodmr/test/faults/inject"))
}

// queue is this program as vodmr-relay would run it. folder is the stand-in's.
func queue(t *testing.T) (q qmail.Queue, folder string) {
	t.Helper()
	folder = t.TempDir()
	t.Setenv("STANDIN_SENDMAIL", folder)
	t.Setenv("VODMR_SENDMAIL", bin+"/sendmail")
	t.Setenv("TMPDIR", t.TempDir())
	return qmail.Queue{Home: "/", Program: bin + "/vodmr-sendmail"}, folder
}

// read returns the texts of the stand-in's files of one kind.
func read(t *testing.T, folder, kind string) (texts []string) {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(folder, "*."+kind))
	for _, name := range found {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// A caller of qmail-queue sees no difference.
func TestAsQmailQueue(t *testing.T) {
	for sender, shown := range map[string]string{"": "<>", "#@[]": "<>", "john doe@s.test": `"john doe"@s.test`} {
		q, folder := queue(t)
		message := strings.Repeat("0123456789abcdef\n", 50000)
		if err := q.Inject(sender, []string{"bob@x.test", "-eve@x.test"}, strings.NewReader(message)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, folder, "message"); len(got) != 1 || got[0] != message {
			t.Errorf("%d messages", len(got))
		}
		if got := read(t, folder, "arguments"); got[0] != "-i\n-f\n"+shown+"\n--\nbob@x.test\n-eve@x.test" {
			t.Errorf("%q", got)
		}
	}
}

func TestRefusalsAsQmailQueue(t *testing.T) {
	for play, want := range map[string]qmail.QueueError{
		"exit 67": {Code: 31, Permanent: true}, "exit 75": {Code: 71}, "crash": {Code: 81},
	} {
		q, folder := queue(t)
		if err := os.WriteFile(folder+"/play", []byte(play), 0o644); err != nil {
			t.Fatal(err)
		}
		var e *qmail.QueueError
		if err := q.Inject("", []string{"bob@x.test"}, strings.NewReader("x")); !errors.As(err, &e) || e.Code != want.Code || e.Permanent != want.Permanent {
			t.Errorf("%s: %v", play, err)
		}
	}
}

// run runs the program with a message and an envelope in files.
func runProgram(t *testing.T, env []string, args ...string) (code int, log string) {
	t.Helper()
	var message, envelope string
	for name, text := range map[*string]string{&message: "Subject: x\n\n", &envelope: "F\x00Tbob@x.test\x00\x00"} {
		*name = filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(*name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in, err1 := os.Open(message)
	out, err2 := os.Open(envelope)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	var stderr bytes.Buffer
	cmd := exec.Command(bin+"/vodmr-sendmail", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &stderr
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// Each failure is one line of log, in the form that the page gives.
func TestLog(t *testing.T) {
	forms := logformat.Load(t)
	for _, tt := range []struct {
		play string
		env  string
		code int
		want string
	}{
		{play: "", code: 0},
		{play: "say 75 queue\nvodmr-relay: 1 success", code: 71, want: `reason="queue\x0avodmr-relay: 1 success`},
		{env: "VODMR_SENDMAIL=/nonexistent/sendmail", code: 120, want: "/nonexistent/sendmail cannot be run: set VODMR_SENDMAIL"},
		{env: "VODMR_SENDMAIL=sendmail", code: 55, want: "must be an absolute path"},
		{env: "TMPDIR=/nonexistent", code: 53, want: "no temporary file can be made in /nonexistent"},
	} {
		_, folder := queue(t)
		if tt.play != "" {
			if err := os.WriteFile(folder+"/play", []byte(tt.play), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		code, log := runProgram(t, []string{tt.env})
		if code != tt.code || !strings.Contains(log, tt.want) || (log == "") != (code == 0) {
			t.Errorf("%+v: exit %d, %q", tt, code, log)
		}
		if log != "" {
			if err := forms.Check(log); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestMisuse(t *testing.T) {
	if code, log := runProgram(t, nil, "-t"); code != exitMisuse || !strings.Contains(log, "usage: vodmr-sendmail ") {
		t.Errorf("exit %d, %q", code, log)
	}
}
