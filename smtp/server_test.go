package smtp

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"vodmr/internal/fdio"
	"vodmr/test/kit/dialogue"
)

// recorder keeps what each Write was given and each deadline.
type recorder struct {
	Stream
	writes    []string
	deadlines []time.Time
}

func (r *recorder) Write(p []byte) (int, error) {
	r.writes = append(r.writes, string(p))
	return r.Stream.Write(p)
}

func (r *recorder) SetDeadline(t time.Time) error {
	r.deadlines = append(r.deadlines, t)
	return r.Stream.SetDeadline(t)
}

// testCommands are what the servers of these tests know.
func testCommands() map[string]Command {
	return map[string]Command{
		"NOOP": func(arg string) (Reply, error) { return NewReply(250, "2.0.0", "noop "+arg), nil },
		"MUTE": func(string) (Reply, error) { return Reply{}, nil },
		"QUIT": func(string) (Reply, error) { return ReplyBye("mx.test"), ErrQuit },
		"FAIL": func(string) (Reply, error) { return NewReply(451, "4.3.0", "trouble"), io.ErrNoProgress },
	}
}

// serve runs a Server at the other end of a dialogue; what Serve returned and the
// writes come when it is over.
func serve(t *testing.T) (*dialogue.Conn, func() (*recorder, error)) {
	t.Helper()
	c, far := dialogue.Pair(t)
	r := &recorder{Stream: fdio.New(int(far.Fd()), int(far.Fd()))}
	done := make(chan error, 1)
	go func() {
		s := NewServer(r)
		s.Commands = testCommands()
		err := s.Serve()
		far.Close()
		done <- err
	}()
	return c, func() (*recorder, error) {
		select {
		case err := <-done:
			return r, err
		case <-time.After(time.Minute):
			t.Fatal("Serve did not return")
			return nil, nil
		}
	}
}

func TestServer(t *testing.T) {
	bye := ReplyTooManyUnknown()
	for _, test := range []struct {
		name, script string
		want         error
	}{
		{"quit", `
			C: NOOP
			S: 250 2.0.0 noop *
			C: noop  with spaces 	
			S: 250 2.0.0 noop with spaces
			C: noop	behind a tab	
			S: 250 2.0.0 noop behind a tab
			C: QUIT
			S: 221 2.0.0 mx.test goodbye
			S: <end>
		`, nil},
		{"unknown commands", `
			C: 
			S: 500 5.5.1 *
			C:  NOOP
			S: 500 5.5.1 *
			C: NOOPX
			S: 500 5.5.1 *
			C: NOOP
			S: 250 *
			C: MUTE
			C: GET / HTTP/1.1
			S: 500 5.5.1 *
			C: QUIT
			S: 221 *
			S: <end>
		`, nil},
		{"ten unknown commands", strings.Repeat(`
			C: FOO
			S: 500 5.5.1 *
			C: NOOP
			S: 250 *
		`, 9) + `
			C: FOO
			S: 500 5.5.1 *
			S: 421 4.7.0 *
			S: <end>
		`, bye},
		{"longest line", `
			C: NOOP ` + strings.Repeat("x", MaxCommandLine-len("NOOP ")) + `
			S: 250 *
			C: QUIT
			S: 221 *
		`, nil},
		{"too long a line", `
			C: NOOP ` + strings.Repeat("x", MaxCommandLine) + `
			S: 500 5.5.6 *
			S: 421 4.7.0 *
			S: <end>
		`, ReplyLineTooLongBye()},
		{"hung up", `
			C: NOOP
			S: 250 *
			C: <end>
			S: <end>
		`, io.EOF},
		{"an error ends it behind the reply", `
			C: FAIL
			S: 451 4.3.0 trouble
			S: <end>
		`, io.ErrNoProgress},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, done := serve(t)
			c.Run(test.script)
			_, err := done()
			if !sameEnd(err, test.want) {
				t.Errorf("Serve returned %v, want %v", err, test.want)
			}
		})
	}
}

// sameEnd compares what Serve returned; a Reply cannot be compared by ==.
func sameEnd(got, want error) bool {
	var r, w Reply
	if errors.As(want, &w) {
		return errors.As(got, &r) && r.String() == w.String()
	}
	return errors.Is(got, want) || got == nil && want == nil
}

// TestPipelined: replies to commands that came together go out in one write, and
// the last one before the server ends is among them.
func TestPipelined(t *testing.T) {
	c, done := serve(t)
	c.Send("NOOP 1\r\nNOOP 2\r\nFOO\r\nNOOP 3\r\nNO")
	c.Run(`
		S: 250 2.0.0 noop 1
		S: 250 2.0.0 noop 2
		S: 500 *
		S: 250 2.0.0 noop 3
	`)
	c.Send("OP 4\r\nQUIT\r\nNOOP 5\r\n")
	c.Run(`
		S: 250 2.0.0 noop 4
		S: 221 *
		S: <end>
	`)
	r, err := done()
	if err != nil || len(r.writes) != 2 {
		t.Errorf("%v, and %d writes %q, want 2", err, len(r.writes), r.writes)
	}
}

// fakeStream is a peer that says what it is given, then fails.
type fakeStream struct {
	in       pieces
	writeErr error
	written  strings.Builder
	writes   int
	deadline time.Time
	reads    []time.Time // the deadline of each read
}

func (f *fakeStream) Read(p []byte) (int, error) {
	f.reads = append(f.reads, f.deadline)
	return f.in.Read(p)
}

func (f *fakeStream) Write(p []byte) (int, error) {
	f.writes++
	if f.writeErr != nil {
		return 0, f.writeErr
	}
	return f.written.Write(p)
}

func (f *fakeStream) SetDeadline(t time.Time) error {
	f.deadline = t
	return nil
}

// TestServerTimeout: a peer that says nothing gets 421, whichever package's
// time-out it is.
func TestServerTimeout(t *testing.T) {
	for _, timeout := range []error{fdio.ErrTimeout, os.ErrDeadlineExceeded} {
		f := &fakeStream{in: pieces{left: []string{"NOOP\r\nNO"}, err: timeout}}
		s := NewServer(f)
		s.Commands = testCommands()
		err := s.Serve()
		if !sameEnd(err, ReplyTimeout()) {
			t.Errorf("Serve returned %v", err)
		}
		if want := "250 2.0.0 noop \r\n421 4.4.2 timed out waiting for you, closing\r\n"; f.written.String() != want {
			t.Errorf("it said %q, want %q", f.written.String(), want)
		}
	}
}

// TestServerDeadlines: Idle from now, but never beyond Until.
func TestServerDeadlines(t *testing.T) {
	soon, late := time.Now().Add(time.Minute), time.Now().Add(24*time.Hour)
	for _, test := range []struct {
		name     string
		idle     time.Duration
		until    time.Time
		min, max time.Time // of the deadline; zero for none
	}{
		{"neither", 0, time.Time{}, time.Time{}, time.Time{}},
		{"Idle", time.Hour, time.Time{}, time.Now().Add(time.Hour), late},
		{"Until", 0, soon, soon, soon},
		{"Until first", time.Hour, soon, soon, soon},
		{"Idle first", time.Hour, late, time.Now().Add(time.Hour), late.Add(-time.Hour)},
	} {
		f := &fakeStream{in: pieces{left: []string{"NOOP\r\n"}, err: io.EOF}}
		s := NewServer(f)
		s.Commands, s.Idle, s.Until = testCommands(), test.idle, test.until
		if err := s.Serve(); err != io.EOF {
			t.Fatal(err)
		}
		if len(f.reads) != 2 {
			t.Fatalf("%s: %d reads", test.name, len(f.reads))
		}
		for _, d := range f.reads {
			if d.Before(test.min) || d.After(test.max) || d.IsZero() != test.max.IsZero() {
				t.Errorf("%s: a deadline %v, want %v to %v", test.name, d, test.min, test.max)
			}
		}
	}
}

// TestServerWriteFails: once a write failed nothing more is said, and Serve
// returns why.
func TestServerWriteFails(t *testing.T) {
	for _, test := range []struct {
		name, in  string
		err, want error
	}{
		{"a reply", "NOOP\r\n", io.ErrClosedPipe, io.ErrClosedPipe},
		{"a reply, by a time-out", "NOOP\r\n", fdio.ErrTimeout, fdio.ErrTimeout},
		{"the last reply", "QUIT\r\n", io.ErrClosedPipe, io.ErrClosedPipe},
		{"of many unknown", strings.Repeat("FOO\r\n", maxUnknown), io.ErrClosedPipe, ReplyTooManyUnknown()},
		{"behind an error of the command", "FAIL\r\n", io.ErrClosedPipe, io.ErrNoProgress},
	} {
		f := &fakeStream{in: pieces{left: []string{test.in}, err: io.EOF}, writeErr: test.err}
		s := NewServer(f)
		s.Commands = testCommands()
		err := s.Serve()
		if f.writes != 1 || !sameEnd(err, test.want) {
			t.Errorf("%s: %d writes, and Serve returned %v, want %v", test.name, f.writes, err, test.want)
		}
	}
}

// TestFlushAgain: a failed Flush fails for good, and writes nothing more.
func TestFlushAgain(t *testing.T) {
	f := &fakeStream{writeErr: io.ErrClosedPipe}
	s := NewServer(f)
	for range 3 {
		s.Say(ReplyOK())
		if err := s.Flush(); err != io.ErrClosedPipe {
			t.Errorf("Flush returned %v", err)
		}
		f.writeErr = nil
	}
	if f.writes != 1 || f.written.Len() > 0 {
		t.Errorf("%d writes, %q", f.writes, f.written.String())
	}
}
