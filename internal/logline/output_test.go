package logline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
)

// fullPipe makes a pipe that takes no byte more, and a func that empties it.
func fullPipe(t *testing.T) (fd int, drain func() string) {
	t.Helper()
	var fds [2]int
	require.OK(t, unix.Pipe2(fds[:], unix.O_NONBLOCK))
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	for size := 4096; size > 0; size /= 2 {
		for _, err := unix.Write(fds[1], make([]byte, size)); err == nil; _, err = unix.Write(fds[1], make([]byte, size)) {
		}
	}
	require.OK(t, unix.SetNonblock(fds[1], false))
	return fds[1], func() string {
		text, buf := "", make([]byte, 64<<10)
		for n, err := unix.Read(fds[0], buf); err == nil && n > 0; n, err = unix.Read(fds[0], buf) {
			text += strings.Trim(string(buf[:n]), "\x00")
		}
		return text
	}
}

// If nobody reads the log, one line waits for a while, and those behind it not at all. Once
// somebody does, the log says how many are missing.
func TestNobodyReads(t *testing.T) {
	fd, drain := fullPipe(t)
	l := New(fd, "vodmr-relay", "1")
	l.out.patience = 100 * time.Millisecond
	done := make(chan time.Duration, 1)
	go func() {
		began := time.Now()
		for range 1000 {
			l.Event("skip", F("file", "a"), F("reason", "b"))
		}
		done <- time.Since(began)
	}()
	select {
	case took := <-done:
		if took < l.out.patience {
			t.Errorf("the first line waited for %v", took)
		}
	case <-time.After(time.Minute):
		t.Fatal("a line waits for its reader")
	}
	drain()
	for range 2 {
		l.Event("skip", F("file", "c"), F("reason", "d"))
	}
	const last = "vodmr-relay: 1 skip file=c reason=d\n"
	want := `vodmr-relay: 1 error error="nobody took the log, so lines are missing here: 1000"` + "\n" + last + last
	text := drain()
	if text != want {
		t.Errorf("the log is %q", text)
	}
	for _, program := range []string{"vodmr", "vodmr-relay", "vodmr-tls", "vodmr-proxy", "vodmr-rcpt", "vodmr-checkpw", "vodmr-expire", "vodmr-qread", "vodmr-sendmail"} {
		logformat.Test(t, fmt.Sprintf("%s%s", program, strings.TrimPrefix(strings.SplitAfter(text, "\n")[0], "vodmr-relay")))
	}
}

// A text that is longer than what the pipe still takes waits no longer than others.
func TestNobodyReadsALongText(t *testing.T) {
	var fds [2]int
	require.OK(t, unix.Pipe(fds[:]))
	o := NewOutput(fds[1], "", "")
	o.patience = 100 * time.Millisecond
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = o.Write(make([]byte, 1<<20))
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("it waits for its reader")
	}
	unix.Close(fds[0])
	<-done
	unix.Close(fds[1])
}

// A log without a reader for good costs nothing.
func TestClosed(t *testing.T) {
	var fds [2]int
	require.OK(t, unix.Pipe(fds[:]))
	unix.Close(fds[0])
	defer unix.Close(fds[1])
	l := New(fds[1], "vodmr-relay", "1")
	l.Event("end")
	if l.out.missing != 0 {
		t.Errorf("%d lines wait for a reader", l.out.missing)
	}
}
