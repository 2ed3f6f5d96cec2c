package fetch

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"vodmr/test/kit/dialogue"
)

// passOnce passes on a session that is not to stand.
func passOnce(t *testing.T) (s *passing, tally *Tally) {
	near, far := net.Pipe()
	server, ours := net.Pipe()
	tally = &Tally{}
	p := newPump(&Turned{Conn: hanging{far}}, hanging{ours}, Guard{}, tally)
	s = &passing{dialogue.New(t, near), dialogue.New(t, server), make(chan error, 1), time.Now()}
	go func() { s.result <- p.run(context.Background()) }()
	s.reply("220 mx")
	s.command("EHLO p")
	s.reply("250 mx")
	return s, tally
}

// TestIdleNoopEndsTheSession: a provider that says NOOP after some quiet has nothing more.
// It hears 421, the receiving side QUIT, and no message is lost.
func TestIdleNoopEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tally := passOnce(t)
		for range 3 { // at once it means nothing
			s.command("NOOP")
			s.reply("250 ok")
			time.Sleep(idleTime / 4)
		}
		s.command("MAIL FROM:<>")
		time.Sleep(2 * idleTime)
		s.reply("250 ok")
		s.command("RCPT TO:<a@b.example>")
		s.reply("250 ok")
		time.Sleep(2 * idleTime)
		s.command("NOOP") // amid a message it is no end
		s.reply("250 ok")
		s.command("BDAT 6 LAST")
		s.command("text")
		s.reply("250 taken")
		time.Sleep(idleTime)
		s.provider.Send("NOOP\r\n")
		s.provider.Expect("421 4.3.2 nothing more waits*")
		s.receiver.Expect("QUIT")
		s.receiver.ExpectEnd()
		s.receiver.Close()
		s.provider.ExpectEnd()
		s.provider.Close()
		if err := <-s.result; err != nil || !tally.left() || tally.Now().Messages != 1 {
			t.Errorf("%v, left %v, %d messages", err, tally.left(), tally.Now().Messages)
		}
	})
}

// TestIdleNoopInPieces: the first NOOP ends the session also if it comes in two pieces, as from
// vodmr-tls, and if the last message was refused, so that the provider says RSET with it. Behind
// another command it ends nothing.
func TestIdleNoopInPieces(t *testing.T) {
	for _, test := range []struct {
		pieces []string
		leaves bool
	}{
		{[]string{"RSET\r\nNOOP\r\n"}, true},
		{[]string{"NOOP\r", "\n"}, true},
		{[]string{"RSET\r\nNO", "OP\r\n"}, true},
		{[]string{"NOOP\r", "\nMAIL FROM:<>\r\n"}, false},
		{[]string{"HELO p\r\nNOOP\r", "\n"}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, tally := passOnce(t)
			s.provider.Send("MAIL FROM:<>\r\nRCPT TO:<no@b.example>\r\nDATA\r\n")
			for _, line := range []string{"MAIL FROM:<>", "RCPT TO:<no@b.example>", "DATA"} {
				s.receiver.Expect(line)
			}
			for _, line := range []string{"250 ok", "550 no such user", "503 no recipient"} {
				s.reply(line)
			}
			time.Sleep(idleTime)
			go io.Copy(io.Discard, s.receiver.Net())
			for _, piece := range test.pieces {
				s.provider.Send(piece)
				synctest.Wait()
			}
			if test.leaves {
				s.provider.Expect("421 4.3.2 nothing more waits*")
			}
			s.provider.Close()
			s.receiver.Close()
			if <-s.result; tally.left() != test.leaves {
				t.Errorf("%q: left %v, want %v", test.pieces, tally.left(), test.leaves)
			}
		})
	}
}

// TestNoopBeforeMail: a NOOP with a command behind it is no end.
func TestNoopBeforeMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tally := passOnce(t)
		time.Sleep(idleTime)
		s.provider.Send("NOOP\r\nMAIL FROM:<>\r\n")
		s.receiver.Expect("NOOP")
		s.receiver.Expect("MAIL FROM:<>")
		s.provider.Close()
		s.receiver.Close()
		if <-s.result; tally.left() {
			t.Error("the session was left")
		}
	})
}

// TestIdleNoopEndsReceiving: the same for atrn -m, whose exit code is that of a good end.
func TestIdleNoopEndsReceiving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, result := receiveFrom(t, 0)
		c.Run("C: NOOP\nS: 250 *")
		time.Sleep(idleTime)
		c.Run("C: NOOP\nS: 421 4.3.2 nothing more waits*\nS: <end>")
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}
