package fetch

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vodmr/test/kit/dialogue"
)

// A passing session goes through a pump, in a bubble of synctest. The test plays
// both sides.
type passing struct {
	provider, receiver *dialogue.Conn
	result             chan error
	began              time.Time
}

// hanging is a pipe with a reader that cannot be told that nothing more comes, so it is
// told all.
type hanging struct{ net.Conn }

func (h hanging) CloseWrite() error { return h.Close() }

func passStanding(t *testing.T) *passing {
	near, far := net.Pipe()
	server, ours := net.Pipe()
	turned := &Turned{Conn: hanging{far}}
	turned.silence = Silence
	p := newPump(turned, hanging{ours}, Guard{}, &Tally{})
	s := &passing{dialogue.New(t, near), dialogue.New(t, server), make(chan error, 1), time.Now()}
	go func() { s.result <- p.run(context.Background()) }()
	return s
}

// command passes a line from the provider to the receiving side, reply one back.
func (s *passing) command(text string) {
	s.provider.Send(text + "\r\n")
	s.receiver.Expect(text)
}

func (s *passing) reply(text string) {
	s.receiver.Send(text + "\r\n")
	s.provider.Expect(text)
}

// dead waits for the end by silence and checks how long it took.
func (s *passing) dead(t *testing.T, limit time.Duration) {
	t.Helper()
	began := time.Now()
	err := <-s.result
	if ExitCode(err) != ExitLater || err == nil || !strings.Contains(err.Error(), "taken for dead") {
		t.Errorf("got %v", err)
	}
	if quiet := time.Since(began); quiet != limit {
		t.Errorf("taken for dead after %v, want %v", quiet, limit)
	}
}

func TestPumpSilence(t *testing.T) {
	for _, test := range []struct {
		name string
		play func(s *passing)
		want time.Duration
	}{
		{"from the greeting on", func(s *passing) { s.reply("220 mx") }, Silence},
		{"after NOOPs", func(s *passing) {
			s.reply("220 mx")
			for range 600 {
				time.Sleep(time.Minute)
				s.command("NOOP")
				s.reply("250 ok")
			}
		}, Silence},
		{"while the receiving side thinks", func(s *passing) {
			s.reply("220 mx")
			s.command("NOOP")
		}, Silence + replyTime},
		{"after a slow reply", func(s *passing) {
			s.reply("220 mx")
			s.command("NOOP")
			time.Sleep(Silence + replyTime - time.Second)
			s.reply("250 ok")
		}, Silence},
		{"where nobody can follow", func(s *passing) {
			s.reply("220 mx")
			s.provider.Send("BDAT x\r\n")
			s.provider.Expect("501 *")
		}, Silence + replyTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := passStanding(t)
				test.play(s)
				s.dead(t, test.want)
			})
		})
	}
}

// Without -i the provider may be silent for as long as the receiving side lets it.
func TestPumpPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		server, ours := net.Pipe()
		p := newPump(&Turned{Conn: hanging{far}}, hanging{ours}, Guard{}, &Tally{})
		result := make(chan error, 1)
		go func() { result <- p.run(context.Background()) }()
		time.Sleep(24 * time.Hour)
		select {
		case err := <-result:
			t.Errorf("ended with %v", err)
		default:
		}
		near.Close()
		server.Close()
		<-result
	})
}

// receiveFrom runs the receiving side of -m over a pipe.
func receiveFrom(t *testing.T, silence time.Duration) (provider *dialogue.Conn, result chan error) {
	near, far := net.Pipe()
	into, err := Maildir{Dir: t.TempDir(), Host: "mx", Idle: IdleTime}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(into.Close)
	turned := &Turned{Conn: far}
	turned.silence = silence
	result = make(chan error, 1)
	go func() {
		result <- into.Receive(t.Context(), turned, &Tally{})
		far.Close()
	}()
	provider = dialogue.New(t, near)
	provider.Run("S: 220 mx ESMTP\nC: HELO p\nS: 250 mx")
	return provider, result
}

const upToContent = "C: MAIL FROM:<>\nS: 250 *\nC: RCPT TO:<a@b.example>\nS: 250 *\n"

// A provider that says a little now and then cannot hold atrn for ever.
func TestReceiveDrip(t *testing.T) {
	const nine = 9 * time.Minute
	bytewise := func(c *dialogue.Conn) { c.Send("x") }
	for _, test := range []struct {
		name    string
		silence time.Duration
		open    string
		every   time.Duration
		drip    func(*dialogue.Conn)
		want    time.Duration // from the turn
	}{
		{"a command line", 0, "", nine, bytewise, IdleTime},
		{"a command line, standing", Silence, "", Silence - time.Second, bytewise, Silence},
		{"DATA", 0, upToContent + "C: DATA\nS: 354 *", nine, bytewise, IdleTime},
		{"DATA, standing", Silence, upToContent + "C: DATA\nS: 354 *", Silence - time.Second, bytewise, Silence},
		{"a chunk", 0, upToContent + "C: BDAT 50000 LAST", nine, bytewise, IdleTime},
		{"a refused chunk, standing", Silence, "C: BDAT 50000 LAST", Silence - time.Second, bytewise, Silence},
		{"HELP", 0, "", nine, func(c *dialogue.Conn) { c.Run("C: HELP\nS: 214 *") }, IdleTime},
		{"EHLO", 0, "", time.Minute, func(c *dialogue.Conn) { c.Run("C: HELO p\nS: 250 *") }, IdleTime},
		{"refused messages", 0, "", nine, func(c *dialogue.Conn) { c.Run("C: DATA\nS: 503 *") }, IdleTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				c, result := receiveFrom(t, test.silence)
				c.Run(test.open)
				for time.Since(began)+test.every < test.want {
					time.Sleep(test.every)
					test.drip(c)
				}
				time.Sleep(test.want - time.Since(began) - time.Second)
				synctest.Wait()
				select {
				case err := <-result:
					t.Fatalf("too early: %v", err)
				default:
				}
				c.Run("S: 421 4.4.2 *\nS: <end>")
				if held := time.Since(began); ExitCode(<-result) != ExitLater || held != test.want {
					t.Errorf("ended after %v, want %v", held, test.want)
				}
			})
		})
	}
}

// A provider that brings mail, or content at a slow line's rate, may take its time, and
// one with a standing session may say NOOP for ever.
func TestReceiveSlowly(t *testing.T) {
	for _, test := range []struct {
		name    string
		silence time.Duration
		play    func(c *dialogue.Conn)
	}{
		{"message by message", 0, func(c *dialogue.Conn) {
			for range 20 {
				time.Sleep(9 * time.Minute)
				c.Run(upToContent + "C: DATA\nS: 354 *\nC: .\nS: 250 *")
			}
		}},
		{"a slow message after a pause", 0, func(c *dialogue.Conn) {
			for range 3 {
				c.Run(upToContent + "C: DATA\nS: 354 *")
				time.Sleep(9 * time.Minute)
				c.Run("C: .\nS: 250 *")
				time.Sleep(9 * time.Minute)
			}
		}},
		{"a slow line", 0, func(c *dialogue.Conn) {
			c.Run(upToContent + "C: BDAT 1000000 LAST")
			for range 50 {
				time.Sleep(9 * time.Minute)
				c.Send(strings.Repeat("x", 20000))
			}
			c.Expect("250 *")
		}},
		{"a refused chunk, standing", Silence, func(c *dialogue.Conn) {
			for range 10 {
				time.Sleep(time.Minute)
				c.Run("C: NOOP\nS: 250 *")
			}
			c.Run("C: BDAT 5 LAST")
			time.Sleep(time.Minute)
			c.Send("hello")
			c.Expect("503 *")
		}},
		{"NOOP, standing", Silence, func(c *dialogue.Conn) {
			for range 1000 {
				time.Sleep(Silence - time.Second)
				c.Run("C: NOOP\nS: 250 *")
			}
			c.Run(upToContent + "C: DATA\nS: 354 *\nC: .\nS: 250 *")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, result := receiveFrom(t, test.silence)
				test.play(c)
				c.Run("C: QUIT\nS: 221 *\nS: <end>")
				if err := <-result; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
