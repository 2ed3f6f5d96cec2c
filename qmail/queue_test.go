package qmail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/sys/unix"
)

// large is more than a pipe holds.
var large = strings.Repeat("0123456789abcdef\n", 20000)

// A try is one injection with a stand-in that plays a part.
type try struct {
	part    string
	message io.Reader
	timeout time.Duration
}

// inject runs it twice, once by a second process that starts programs, if this system has
// that, and checks that both give the same error. queued is the directory with what the
// stand-in queued.
func (tr try) inject(t *testing.T) (queued string, err error) {
	t.Helper()
	var whole strings.Builder
	message := tr.message
	tr.message = io.TeeReader(message, &whole)
	queued, err = tr.injectBy(t, false)
	if _, failed := message.(*strings.Reader); !failed {
		return queued, err // it can be read once only
	}
	_, _ = io.Copy(&whole, message)
	tr.message = strings.NewReader(whole.String())
	queued, second := tr.injectBy(t, true)
	if fmt.Sprint(err) != fmt.Sprint(second) {
		t.Errorf("%s: by a starter %v, otherwise %v", tr.part, second, err)
	}
	return queued, second
}

// injectBy runs it, and checks that neither process nor pipe is left.
func (tr try) injectBy(t *testing.T, starter bool) (queued string, err error) {
	t.Helper()
	queued = t.TempDir()
	t.Setenv(playVar, tr.part)
	t.Setenv(reportVar, queued)
	q := Queue{Home: realDir(t), Program: testBinary(t), Timeout: tr.timeout}
	if starter {
		if err := q.Fork(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Fatal(err)
		}
	}
	before := openPipes()
	err = q.Inject("ann@s.test", []string{"bob@example.org", "eve@example.org"}, tr.message)
	q.Close()
	checkNothingLeft(t, before)
	return queued, err
}

func TestInject(t *testing.T) {
	for name, message := range map[string]string{"empty": "", "small": "Subject: x\n\nx", "large": large} {
		queued, err := try{part: "qmail-queue", message: strings.NewReader(message)}.inject(t)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, _ := os.ReadFile(queued + "/message")
		if string(got) != message {
			t.Errorf("%s: %d bytes queued of %d", name, len(got), len(message))
		}
		envelope, _ := os.ReadFile(queued + "/envelope")
		if want := "Fann@s.test\x00Tbob@example.org\x00Teve@example.org\x00\x00"; string(envelope) != want {
			t.Errorf("%s: envelope %q", name, envelope)
		}
	}
}

func TestWhereQmailQueueRuns(t *testing.T) {
	dir := realDir(t)
	if err := os.MkdirAll(dir+"/qmail/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(testBinary(t), dir+"/qmail/bin/qmail-queue"); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ home, program, dir string }{
		{dir + "/qmail", "", dir + "/qmail"},
		{dir + "/qmail", "bin/qmail-queue", dir + "/qmail"},
		{dir + "/qmail", testBinary(t), dir + "/qmail"},
		{dir + "/none", testBinary(t), "/"},
	}
	for _, tt := range tests {
		queued := t.TempDir()
		t.Setenv(playVar, "qmail-queue")
		t.Setenv(reportVar, queued)
		err := Queue{Home: tt.home, Program: tt.program}.Inject("", []string{"a@b"}, strings.NewReader("x"))
		if got, _ := os.ReadFile(queued + "/dir"); string(got) != tt.dir || err != nil {
			t.Errorf("%+v: ran in %q, %v", tt, got, err)
		}
	}
}

// queueErr is the QueueError that err must be.
func queueErr(t *testing.T, err error) *QueueError {
	t.Helper()
	var e *QueueError
	if !errors.As(err, &e) {
		t.Fatalf("%v is no QueueError", err)
	}
	return e
}

func TestQmailQueueThatCannotBeRun(t *testing.T) {
	for _, q := range []Queue{
		{Home: t.TempDir()}, {Home: t.TempDir() + "/none"}, {Home: "/", Program: "/nonexistent/queue"}, {Home: "/", Program: "/"},
	} {
		before := openPipes()
		if e := queueErr(t, q.Inject("", []string{"a@b"}, strings.NewReader("x"))); e.Permanent || e.Text == "" {
			t.Errorf("%+v: %+v", q, e)
		}
		checkNothingLeft(t, before)
	}
}

func TestExitCodes(t *testing.T) {
	permanent := map[int]bool{115: true}
	for code := 11; code <= 40; code++ {
		permanent[code] = true
	}
	for code := 1; code <= 255; code++ {
		if e := exitCodeError(code, "Dignored but for 82 and 88"); code != 82 && code != 88 &&
			(e.Permanent != permanent[code] || e.Code != code || e.Text != codeText(code)) {
			t.Errorf("%d: %+v", code, e)
		}
	}
}

func TestInjectReportsTheExitCode(t *testing.T) {
	for _, code := range []int{11, 31, 40, 51, 53, 66, 71, 81, 91, 115, 120, 1, 255} {
		_, err := try{part: fmt.Sprintf("exit after all:%d", code), message: strings.NewReader("x")}.inject(t)
		want := code >= 11 && code <= 40 || code == 115
		if e := queueErr(t, err); e.Code != code || e.Permanent != want {
			t.Errorf("%d: %+v", code, e)
		}
	}
}

func TestErrorTextOnDescriptor6(t *testing.T) {
	long := strings.Repeat("x", 900)
	tests := []struct {
		say       string
		permanent bool
		text      string
	}{
		{"82,Dno such thing (#5.7.1)\n", true, "no such thing (#5.7.1)"},
		{"88,Zlater", false, "later"},
		{"88,later", false, "later"},
		{"82,D", true, "refused without a reason"},
		{"82,", false, "refused without a reason"},
		{"82,Da\nb\x01\xe9", true, "a?b??"},
		{"88,D" + long + long, true, long + strings.Repeat("x", maxText-901)},
		{"31,Zlater", true, "the message was refused for good"},
		{"53,Dnever", false, "a write failed, the disk may be full"},
	}
	for _, tt := range tests {
		_, err := try{part: "say:" + tt.say, message: strings.NewReader(large)}.inject(t)
		if e := queueErr(t, err); e.Permanent != tt.permanent || e.Text != tt.text {
			t.Errorf("%.20q: %+v", tt.say, e)
		}
	}
}

func TestQmailQueueThatStopsReading(t *testing.T) {
	for _, part := range []string{"exit at once", "close input, then exit"} {
		_, err := try{part: part + ":31", message: strings.NewReader(large)}.inject(t)
		if e := queueErr(t, err); e.Code != 31 || !e.Permanent {
			t.Errorf("%s: %+v", part, e)
		}
		// Exit 0 without having read it all is no promise.
		_, err = try{part: part + ":0", message: strings.NewReader(large)}.inject(t)
		if e := queueErr(t, err); e.Permanent || !errors.Is(e, errGone) {
			t.Errorf("%s: %+v", part, e)
		}
	}
}

// A program that says more than a pipe holds before it reads must not wait for us
// while we wait for it. If it does, only the timeout ends it.
func TestQmailQueueThatTalksFirst(t *testing.T) {
	_, err := try{part: "say much, then exit:71", message: strings.NewReader(large), timeout: time.Minute}.inject(t)
	if e := queueErr(t, err); e.Code != 71 {
		t.Errorf("%+v", e)
	}
}

func TestQmailQueueKilledBySignal(t *testing.T) {
	_, err := try{part: "killed", message: strings.NewReader("x")}.inject(t)
	if e := queueErr(t, err); e.Permanent || e.Code != 0 || !strings.Contains(e.Text, unix.SIGTERM.String()) {
		t.Errorf("%+v", e)
	}
}

func TestQmailQueueThatHangs(t *testing.T) {
	for part, message := range map[string]string{"hang": large, "hang after all": "x"} {
		_, err := try{part, strings.NewReader(message), 200 * time.Millisecond}.inject(t)
		if e := queueErr(t, err); e.Permanent || !errors.Is(e, errTimeout) {
			t.Errorf("%s: %+v", part, e)
		}
	}
}

// The stand-in that believes the end of the message would queue half of it.
func TestNothingHalfIsQueued(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, part := range []string{"qmail-queue", "believe the end of the message"} {
		message := io.MultiReader(strings.NewReader(large), iotest.ErrReader(broken))
		queued, err := try{part: part, message: message}.inject(t)
		if e := queueErr(t, err); e.Permanent || !errors.Is(e, broken) {
			t.Errorf("%s: %+v", part, e)
		}
		if _, err := os.Stat(queued + "/message"); err == nil {
			t.Errorf("%s: something was queued", part)
		}
	}
}

func TestAddressesThatNoQueueTakes(t *testing.T) {
	q := Queue{Home: "/", Program: "/nonexistent/queue"} // which would be a temporary error
	fits := strings.Repeat("a", MaxAddress)
	tests := []struct {
		sender     string
		recipients []string
		permanent  bool
	}{
		{fits, []string{fits}, false},
		{fits + "a", []string{"b"}, true},
		{"", []string{"b", fits + "a"}, true},
		{"a\x00b", []string{"b"}, true},
		{"", []string{"b\x00Tc"}, true},
		{"", nil, true},
	}
	for _, tt := range tests {
		if e := queueErr(t, q.Inject(tt.sender, tt.recipients, strings.NewReader("x"))); e.Permanent != tt.permanent {
			t.Errorf("%.10q, %d recipients: %+v", tt.sender, len(tt.recipients), e)
		}
	}
}

// TestFindQueue: QMAILQUEUE, qmail's own, vodmr-sendmail beside the program, or in PATH; never
// one from the working directory.
func TestFindQueue(t *testing.T) {
	root := t.TempDir()
	program := func(name string, mode os.FileMode) string {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("#!/bin/sh\n"), mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program("qmail/bin/qmail-queue", 0o755)
	beside, inPath := program("bin/vodmr-sendmail", 0o755), program("path/vodmr-sendmail", 0o755)
	program("closed/vodmr-sendmail", 0o644)
	t.Chdir(root + "/path")
	for _, test := range []struct{ home, queue, beside, path, want string }{
		{"qmail", "/x/filter", root + "/bin", "", "/x/filter"},
		{"qmail", "", root + "/bin", "", ""},
		{"none", "/x/filter", root + "/bin", "", "/x/filter"},
		{"none", "", root + "/bin", root + "/path", beside},
		{"none", "", root + "/closed", "/nonexistent:" + root + "/path", inPath},
		{"none", "", "", ":.:" + root + "/closed", ""},
	} {
		home := OpenHome(filepath.Join(root, test.home))
		if got := FindQueue(home, test.queue, test.beside, test.path); got.Program != test.want || got.Home != home.dir {
			t.Errorf("%+v: %+v", test, got)
		}
	}
}

func TestStandardHome(t *testing.T) {
	dir := t.TempDir()
	if got := standardHome(dir, "/other"); got != dir {
		t.Errorf("with the folder: %s", got)
	}
	if got := standardHome(dir+"/none", "/other"); got != "/other" {
		t.Errorf("without: %s", got)
	}
}
