package fetch

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vodmr/test/kit/dialogue"
)

// pipes is a provider that the test plays, session after session. Inside a bubble
// of synctest time passes while all goroutines wait.
type pipes struct{ calls chan net.Conn }

func (p pipes) String() string { return "mail.example.net" }

func (p pipes) Connect(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.calls <- near:
		return far, nil
	case <-ctx.Done():
		return nil, later(ctx.Err(), "nobody is there")
	}
}

// A journal keeps what is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// take returns what was written since the last time.
func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.text.Reset()
	return j.text.String()
}

// A standing is a standingReporter into a Maildir that goes on until the test ends.
type standing struct {
	t      *testing.T
	dir    string
	calls  chan net.Conn
	log    *journal
	stop   context.CancelFunc
	closed chan struct{}
}

// startStanding starts it. Of all waits it takes the longest.
func startStanding(t *testing.T) *standing {
	ctx, stop := context.WithCancel(t.Context())
	s := &standing{t, filepath.Join(t.TempDir(), "Maildir"), make(chan net.Conn), &journal{}, stop, make(chan struct{})}
	reporter := &standingReporter{Reporter: Reporter{Log: s.log, Session: Session{
		Provider: pipes{s.calls},
		TLS:      TLS{Mode: NoTLS},
		Login:    testLogin,
		Host:     "customer.example",
		Timings:  DefaultTimings(),
		Silence:  Silence,
		Sink:     Maildir{Dir: s.dir, Host: "mx", Idle: IdleTime},
	}}}
	go func() {
		(&Reporter{Verbose: Quiet}).repeat(ctx, fixed{&AlwaysStanding{}, 1}, reporter.Visit)
		close(s.closed)
	}()
	t.Cleanup(func() { stop(); <-s.closed })
	return s
}

// next is the next session, and how long after the last it came.
func (s *standing) next() (*visit, time.Duration) {
	s.t.Helper()
	began := time.Now()
	select {
	case conn := <-s.calls:
		waited := time.Since(began)
		return &visit{Conn: dialogue.New(s.t, conn), t: s.t}, waited
	case <-time.After(time.Hour):
		s.t.Fatal("no session comes")
		return nil, 0
	}
}

// nextAfter is the next session, which must come after this wait.
func (s *standing) nextAfter(want time.Duration) *visit {
	s.t.Helper()
	v, waited := s.next()
	if waited != want {
		s.t.Errorf("the session came after %v, want %v", waited, want)
	}
	return v
}

// noop plays NOOPs, one a minute.
func (v *visit) noop(minutes int) {
	v.t.Helper()
	for range minutes {
		time.Sleep(time.Minute)
		v.Run("C: NOOP\nS: 250 *")
	}
}

// said checks the log since the last time.
func (s *standing) said(pattern string) {
	s.t.Helper()
	synctest.Wait()
	if got := s.log.take(); !dialogue.Match(pattern, got) {
		s.t.Errorf("said %q, want %q", got, pattern)
	}
}

const oneMessage = `
		P: MAIL FROM:<a@s.example>
		A: 250 *
		P: RCPT TO:<one@example.org>
		A: 250 *
		P: DATA
		A: 354 *
		P: x
		P: .
		A: 250 *
`

// A standing session ends after hours, in each way that there is, and there is
// another at once. The message of its last hour is there.
func TestStandingComesBackAtOnce(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(v *visit)
		log  string
	}{
		{"QUIT", func(v *visit) { v.Run("C: QUIT\nS: 221 *\nS: <end>") }, ""},
		{"end of file", (*visit).Close, ": the provider hung up before it was done"},
		{"silence", func(v *visit) {
			began := time.Now()
			time.Sleep(Silence - time.Second) // a dialogue is less patient
			v.Expect("421 4.4.2 *")
			v.ExpectEnd()
			if quiet := time.Since(began); quiet != Silence {
				v.t.Errorf("it was taken for dead after %v", quiet)
			}
		}, ": ended the session with the provider: 421 4.4.2 *"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startStanding(t)
				v := s.nextAfter(0)
				v.turn()
				v.play("\t\tA: 220 *\n\t\tP: HELO p\n\t\tA: 250 mx\n")
				s.said("")
				v.noop(1)
				time.Sleep(MinStanding / 2)
				s.said("atrn: stands at mail.example.net\n")
				v.noop(179)
				v.play(oneMessage)
				test.end(v)
				v = s.nextAfter(AtOnce)
				v.turn()
				s.said("atrn: stood 3h*s at mail.example.net, 1 messages, 6 bytes" + test.log + "\n")
				wantDelivered(t, s.dir, "Return-Path: <a@s.example>\nDelivered-To: one@example.org\nx\n")
				v.Expect("220 *")
				v.noop(3) // that it stands again is no news
				s.said("")
				s.stop()
				v.Run("S: 421 4.3.2 *\nS: <end>")
				<-s.closed
				s.said("atrn: stood 3m0s at mail.example.net, 0 messages, 0 bytes: the session was cut short: stopped\n")
			})
		})
	}
}

// If the provider lets nobody stand, it is asked once in a while, and what that
// means is said once.
func TestStandingNobodyMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startStanding(t)
		const none = "\t\tA: ATRN\n\t\tP: 453 4.2.0 nothing\n" + quitting
		v := s.nextAfter(0)
		v.logIn()
		v.play(none)
		v = s.nextAfter(Unwilling * 3 / 2)
		s.said("atrn: nothing waits at mail.example.net, which allows this login no standing session*\n")
		v.logIn()
		v.play(none)
		v = s.nextAfter(Unwilling * 3 / 2)
		s.said("atrn: nothing waits at mail.example.net\n")
		v.turn()
		v.play("\t\tA: 220 *\n\t\tP: HELO p\n\t\tA: 250 mx\n" + oneMessage + "\t\tP: QUIT\n\t\tA: 221 *\n\t\tA: <end>\n")
		v = s.nextAfter(firstWait * 3 / 2)
		s.said("atrn: stood 0s at mail.example.net, 1 messages, 6 bytes\n")
		v.Close()
	})
}

// A password that is refused does not hammer; once it is right again, and the
// session stands, that is said.
func TestStandingRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startStanding(t)
		v := s.nextAfter(0)
		for _, wait := range []time.Duration{1, 2, 4, 8, 15, 15} {
			v.play(`
		P: 220 mail.example.net
		A: EHLO customer.example
		P: 250-mail.example.net
		P: 250 AUTH CRAM-MD5
		A: AUTH CRAM-MD5
		P: 535 5.7.8 no
	` + quitting)
			v = s.nextAfter(wait * time.Minute * 3 / 2)
			s.said("atrn: the provider refused the login odmr@example.org*535 5.7.8 no\n")
		}
		v.turn()
		v.Expect("220 *")
		v.noop(2)
		s.said("atrn: stands at mail.example.net\n")
		v.Close()
		v = s.nextAfter(AtOnce)
		s.said("atrn: stood 2m0s at mail.example.net, 0 messages, 0 bytes: the provider hung up*\n")
		v.Close()
		v = s.nextAfter(firstWait * 3 / 2)
		s.said("atrn: the provider hung up before the greeting*\n")
		v.turn()
		v.Expect("220 *")
		v.noop(2)
		s.said("atrn: stands at mail.example.net\n")
		v.Close()
	})
}

// On a terminal one line says since when it stands and what came.
func TestStandingOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := make(lineWriter, 100)
		s := &standingReporter{Reporter: Reporter{Terminal: true, Log: lines, Session: Session{Provider: given{}}}}
		tally := &Tally{}
		stop := s.show(tally)
		time.Sleep(2 * standingTime)
		tally.turn()
		since := time.Now().Format("2 Jan 15:04:05")
		time.Sleep(time.Hour)
		tally.content(50)
		tally.accepted(50, 1)
		time.Sleep(time.Hour)
		stop()
		close(lines)
		var got strings.Builder
		for line := range lines {
			got.WriteString(strings.TrimSuffix(line, "\x1b[K"))
		}
		want := "\rasking the provider" +
			"\rstands at mail.example.net since " + since + ", 0 messages, 0.0 MB" +
			"\rstands at mail.example.net since " + since + ", 1 messages, 0.0 MB\r"
		if got.String() != want {
			t.Errorf("showed %q, want %q", got.String(), want)
		}
	})
}

// TestStandingAfterRefusals: a provider that ends a session with QUIT once all was refused
// is not asked again at once, and the log says what was refused.
func TestStandingAfterRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startStanding(t)
		v, _ := s.next()
		for _, wait := range []time.Duration{1, 2, 4, 8, 15, 15} {
			v.turn()
			v.play(`
		A: 220 *
		P: HELO p
		A: 250 *
		P: MAIL FROM:<a@s.example>
		A: 250 *
		P: RCPT TO:<x>
		A: 550 *
		P: QUIT
		A: 221 *
		A: <end>
	`)
			v = s.nextAfter(wait * time.Minute * 3 / 2)
			s.said("atrn: stood 0s at mail.example.net, 0 messages, 0 bytes, refused 1: 550 5.7.1 *: the receiving side refused all mail: *\n")
		}
		v.Close()
	})
}
