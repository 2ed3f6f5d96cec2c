package relay

import (
	"errors"
	"io"
	"slices"
	"time"

	"vodmr/internal/logline"
	"vodmr/relay/spool"
	"vodmr/smtp"
)

// turn is the reversed state (RFC 2645 section 5.3): the customer greets, and
// we send.
func (s *session) turn() error {
	var conn smtp.Duplex
	if s.isStanding() {
		conn = s.newWakeConn()
	} else {
		conn = &lockConn{Conn: s.Conn, session: s, next: time.Now().Add(s.lookInterval())}
	}
	timeouts := smtp.StandardTimeouts()
	if d := s.control.TimeoutRemote; d > 0 {
		timeouts = smtp.SameTimeouts(d)
	}
	sender := smtp.NewSender(conn, timeouts, s.grant.Settings.Window)
	if s.wake != nil {
		s.wake.judging = sender.Judging
	}
	src := s.newSource(sender)
	err := s.send(src)
	if clean, is := errors.AsType[cleanEnd](err); is {
		err = clean // the Sender's error around it says that the connection broke
	}
	src.end(err)
	if err == nil || isCleanEnd(err) || refusesSession(err) {
		_ = sender.Quit() // after 421 or a hang-up too: it fails at once
	}
	src.logRefusing(err)
	s.logEnd(err)
	if isCleanEnd(err) {
		return nil
	}
	return err
}

// send says hello and sends what waits.
func (s *session) send(src *source) error {
	sender := src.sender
	if err := sender.Hello(s.control.HeloHost); err != nil {
		return err
	}
	for _, name := range s.grant.Settings.Ignore {
		sender.Peer.Extensions.Ignore(name)
	}
	if s.wake != nil {
		s.wake.hello = true
	}
	if err := s.spool.Start(sender.Peer.Extensions, s.Conn.HungUp); err != nil {
		return err
	}
	if s.spool.MustStop {
		return endByNotes
	}
	src.start()
	src.asking = s.newAsking(src)
	if s.wake != nil {
		return s.runStanding(src)
	}
	if err := src.run(); err != nil {
		return err
	}
	return src.stopped()
}

// run sends all that can be sent now.
func (s *source) run() error {
	s.asking.setTurn(true) // all else that was due is done, such as looking for mail
	for {
		if err := s.sender.Run(s); err != nil {
			return err
		}
		if s.settle() {
			continue
		}
		s.spool.Trust.DecideSenders()
		if !s.spool.Notices.Wait() || !s.mayBegin() {
			s.spool.Finish()
			return nil
		}
	}
}

// stopped is why nothing more may be sent; nil if it may.
func (s *source) stopped() error {
	why, _ := s.spool.Trust.Refusing()
	switch {
	case s.spool.MustStop:
		return endByNotes
	case s.spool.HungUp():
		// What the customer's server said before it hung up tells how the session ended.
		return s.sender.Idle(func() (readable bool, err error) { return true, nil })
	case why != "":
		return endRefused
	}
	return nil
}

// end has the spool and the notes know how the session ended.
func (s *source) end(err error) {
	s.spool.Finish()
	s.asking.end(err)
	if !isCleanEnd(err) { // or it says nothing about the server
		s.noteServer()
	}
	s.spool.Broken()
	s.settle()
	s.endSenders()
	s.spool.Notices.Drop()
	switch {
	case err == nil || isCleanEnd(err):
		s.spool.End()
	case refusesSession(err):
	default:
		s.doubt(err)
		s.unsaid()
		s.closed(err)
		s.broke()
	}
}

// endSenders decides about refused MAILs. If the session broke while the reply to another
// MAIL was outstanding, they are not believed.
func (s *source) endSenders() {
	if slices.ContainsFunc(s.sender.Unanswered(), func(u smtp.Unanswered) bool { return u.Asked }) {
		s.spool.Trust.DoubtSenders()
	} else {
		s.spool.Trust.DecideSenders()
	}
}

// logEnd writes the session's last line.
func (s *session) logEnd(err error) {
	c := s.count
	if s.spool != nil {
		c = s.spool.Counts
	}
	logEnd(s.Log, s.start, c, err)
}

func logEnd(log *logline.Logger, start time.Time, c spool.Counts, err error) {
	reason := "quit"
	switch {
	case err == io.EOF:
		reason = "hangup"
	case err != nil:
		reason = err.Error()
	}
	log.Event("end",
		logline.N("messages", int64(c.Delivered)),
		logline.N("bytes", c.Bytes),
		logline.N("seconds", int64(time.Since(start).Seconds())),
		logline.N("bounced", int64(c.Bounced)),
		logline.N("deferred", int64(c.Deferred)),
		logline.N("stays", int64(c.Waiting)),
		logline.F("reason", reason))
}

// ExitCode is what a session's error means to the world: 0, or 111 if the
// customer should come again.
func ExitCode(err error) int {
	var reply smtp.Reply
	if err == nil || errors.As(err, &reply) && !reply.Closing() {
		return 0
	}
	return 111
}
