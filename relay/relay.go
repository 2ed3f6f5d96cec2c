// Package relay is what happens between a right password and the end of the
// session: the customer says ATRN, the roles turn, and the mail in its Maildir
// goes out. It decides what to send next, for which recipient, and what each reply means
// for the message. Package grant knows which mail a login may have, package spool what
// waits in its Maildir, and package smtp how mail is sent.
package relay

import (
	"time"

	"vodmr/internal/logline"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/relay/spool"
	"vodmr/smtp"
)

// A Conn is the customer's connection, which turns; *fdio.Conn is one.
type Conn interface {
	smtp.Stream
	smtp.Duplex
	// Pending reports if bytes wait that nobody asked for.
	Pending() bool
	// HungUp reports if the peer has closed its side.
	HungUp() bool
	// Wake names descriptors that end each wait with fdio.ErrWoken.
	Wake(fds ...int)
	// Rest waits for bytes, for one of those descriptors, or until.
	Rest(until time.Time) (readable bool, err error)
	// Unacknowledged is how many octets the peer's TCP has not acknowledged, if known.
	Unacknowledged() (octets int, known bool)
}

// A Config is what one session runs with.
type Config struct {
	Conn    Conn
	Log     *logline.Logger
	Host    string // our name
	Session string // the session's name in logs
	Login   string // as typed
	Home    string // the mailbox's directory: the truth about the login
	Maildir string // relative to Home
	Refused error  // why Home is not this login's: ATRN gets 451, and nothing is opened; nil if it is
	Qmail   qmail.Home
	Queue   qmail.Queue

	Rules   string                   // rules.cdb; "" for none
	Environ func(name string) string // variables, as os.Getenv gives them
	TLS     bool                     // the connection is encrypted

	Now func() time.Time // the date, for the age of messages and for notes

	// Terminated returns a descriptor that can be read once somebody wants this
	// process to end. A standing session then has a clean end. Nil for none.
	Terminated func() (fd int, err error)

	// Abort ends the connection and this process with exit code 111, even if a thread of it
	// waits for a file system that hangs. Nil if ATRN may wait for ever.
	Abort func()

	timings *timings // nil for the standard ones
}

// unturned is how long a session may last without an ATRN that is accepted, whatever
// the customer says meanwhile: it holds a place that others wait for.
const unturned = 5 * time.Minute

// Serve answers an authenticated customer until the session ends. The error is
// nil if it had a clean end.
func Serve(c Config) error {
	if c.timings == nil {
		c.timings = standardTimings()
	}
	s := &session{Config: c, server: smtp.NewServer(c.Conn), start: time.Now(), login: grant.NewLogin(c.Login, c.Environ)}
	s.server.Until = s.start.Add(unturned)
	s.server.Commands = s.commands()
	defer s.close()
	if c.Conn.Pending() {
		s.server.Say(smtp.ReplyEarlyBytes())
		_ = s.server.Flush()
		s.logEnd(smtp.ReplyEarlyBytes())
		return smtp.ReplyEarlyBytes()
	}
	s.server.Say(smtp.NewReply(235, "2.7.0", "welcome"))
	err := s.server.Serve()
	if err == errTurn {
		// A customer that did not get the 250 waits for it: we would wait for
		// its greeting.
		if err = s.server.Flush(); err == nil {
			return s.turn()
		}
	}
	s.logEnd(err)
	return err
}

// timings are how long a session waits for what.
type timings struct {
	takeOver time.Duration // for another session to end, before ATRN is answered
	probe    time.Duration // for a sign of life, once another session asks
	hang     time.Duration // for the file system, until ATRN is answered
	look     time.Duration // for the next look, if VODMR_LOOK is not set
	retries  spool.Timings
}

func standardTimings() *timings {
	return &timings{takeOver: 15 * time.Second, probe: 10 * time.Second, hang: 25 * time.Second, look: grant.LookStandard, retries: *spool.StandardTimings()}
}
