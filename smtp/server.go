package smtp

import (
	"errors"
	"os"
	"strings"
	"time"

	"vodmr/internal/address"
)

// A Command answers one verb. arg is what follows the verb, without surrounding
// spaces. An error ends the session after the reply was sent; ErrQuit ends it
// in order. A Reply with code 0 means that the command replied by itself.
type Command func(arg string) (Reply, error)

// ErrQuit is returned by a Command that ends the session in order.
var ErrQuit = errors.New("quit")

// Always returns a Command that has one reply.
func Always(r Reply) Command { return func(string) (Reply, error) { return r, nil } }

// Quit returns the Command that ends the session in order.
func Quit(host string) Command { return func(string) (Reply, error) { return ReplyBye(host), ErrQuit } }

// A Server runs the command loop of the side that answers (RFC 5321 section
// 4.1): it reads a line, finds the verb's Command, and sends its reply. Replies
// to pipelined commands go out together (RFC 2920 section 3.2).
type Server struct {
	Stream   Stream
	Lines    *LineReader
	Commands map[string]Command // by verb in upper case
	Idle     time.Duration      // longest wait for one command; 0 for none
	Until    time.Time          // the session's end; zero for none

	unknown int
	out     []byte
	failed  error // a write's: nothing more can be said
}

// MaxCommandLine is the longest command line that a Server takes, in bytes: RFC
// 4954 section 4 asks 12288 for AUTH.
const MaxCommandLine = 12288

// maxUnknown is how many unknown commands end a session.
const maxUnknown = 10

// NewServer makes a Server with no Commands yet.
func NewServer(stream Stream) *Server {
	return &Server{Stream: stream, Lines: NewLineReader(stream, MaxCommandLine)}
}

// Serve answers commands until one ends the session or the peer does. The error
// is nil after ErrQuit, io.EOF if the peer hung up, a Reply if the server
// ended the session, otherwise what failed.
func (s *Server) Serve() error {
	for {
		line, err := s.ReadLine()
		if err != nil {
			return s.end(err)
		}
		reply, err := s.answer(string(line))
		if reply.Code != 0 {
			s.Say(reply)
		}
		if err != nil {
			return s.end(err)
		}
	}
}

// ReadLine sends what was said, then reads the peer's next line.
func (s *Server) ReadLine() ([]byte, error) {
	if !s.Lines.HasLine() {
		if err := s.Flush(); err != nil {
			return nil, err
		}
	}
	// A peer that keeps us busy with what it sent ahead never makes a read wait.
	if !s.Until.IsZero() && !time.Now().Before(s.Until) {
		return nil, os.ErrDeadlineExceeded
	}
	s.setDeadline()
	return s.Lines.ReadLine()
}

// setDeadline bounds the next wait by Idle and by Until.
func (s *Server) setDeadline() {
	deadline := s.Until
	if idle := time.Now().Add(s.Idle); s.Idle > 0 && (deadline.IsZero() || idle.Before(deadline)) {
		deadline = idle
	}
	_ = s.Stream.SetDeadline(deadline)
}

// Say queues a reply; Flush or the next ReadLine sends it.
func (s *Server) Say(r Reply) { s.out = r.AppendTo(s.out) }

// flushTime bounds how long the peer may take to read replies.
const flushTime = time.Minute

// lastWords is for how long after the session's time is over it may still take
// replies.
const lastWords = 5 * time.Second

// Flush sends what was said. After an error it sends nothing more: half a reply
// may have gone out.
func (s *Server) Flush() error {
	if len(s.out) == 0 || s.failed != nil {
		return s.failed
	}
	deadline := time.Now().Add(flushTime)
	if last := s.Until.Add(lastWords); !s.Until.IsZero() && last.Before(deadline) {
		deadline = last
	}
	_ = s.Stream.SetDeadline(deadline)
	_, s.failed = s.Stream.Write(s.out)
	s.out = s.out[:0]
	return s.failed
}

// blanks may stand around a command's argument. SMTP knows the space alone (RFC 5321
// section 4.1.1); some clients have a tab there, and mean the same.
const blanks = " \t"

// answer finds the line's command and runs it.
func (s *Server) answer(line string) (Reply, error) {
	verb, arg := line, ""
	if i := strings.IndexAny(line, blanks); i >= 0 {
		verb, arg = line[:i], line[i:]
	}
	command, known := s.Commands[address.Upper(verb)]
	if known {
		return command(strings.Trim(arg, blanks))
	}
	s.unknown++
	if s.unknown < maxUnknown {
		return ReplyUnknown(), nil
	}
	s.Say(ReplyUnknown())
	bye := ReplyTooManyUnknown()
	return bye, bye
}

// HadUnknown reports if there was a command that Commands does not know.
func (s *Server) HadUnknown() bool { return s.unknown > 0 }

// end says the last word if there is one to say, and turns the reason into
// Serve's result.
func (s *Server) end(reason error) error {
	switch {
	case s.failed != nil:
		return s.failed
	case errors.Is(reason, ErrQuit):
		return s.Flush()
	case errors.Is(reason, ErrLineTooLong):
		s.Say(ReplyLineTooLong())
		reason = ReplyLineTooLongBye()
		s.Say(reason.(Reply))
	case isTimeout(reason):
		reason = ReplyTimeout()
		s.Say(reason.(Reply))
	}
	_ = s.Flush()
	return reason
}

// isTimeout knows the time-outs of fdio and of package net.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// MailVerbs lists the verbs of mail transfer, which a relay that only gives mail
// away knows and refuses (RFC 2645 section 5.4: 502).
func MailVerbs() []string {
	return []string{"MAIL", "RCPT", "DATA", "BDAT", "VRFY", "EXPN", "ETRN", "TURN", "SEND", "SOML", "SAML"}
}
