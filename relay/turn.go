package relay

import (
	"errors"
	"io"
	"time"

	"vodmr/internal/logline"
	"vodmr/smtp"
)

// turn is the reversed state (RFC 2645 section 5.3): the customer greets, and
// we send.
func (s *session) turn() error {
	var conn smtp.Duplex = s.Conn
	if s.stands() {
		conn = s.newLine()
	}
	sender := smtp.NewSender(conn, s.timeouts(), s.grant.Settings.Window)
	if s.line != nil {
		s.line.judging = sender.Judging
	}
	err := withoutWrapping(s.send(sender))
	if !inOrder(err) { // or it says nothing about the server
		s.queue.noteServer()
	}
	s.queue.decideSenders()
	switch {
	case err == nil || inOrder(err):
		s.queue.endNotes()
		_ = sender.Quit() // after 421 or a hang-up too: it fails at once
	case refusesSession(err):
		_ = sender.Quit()
	default:
		s.queue.doubt(sender.Unanswered(), err)
		s.queue.broke(sender)
	}
	s.queue.tellRefusing(err)
	s.logEnd(err)
	if inOrder(err) {
		return nil
	}
	return err
}

func (s *session) timeouts() smtp.Timeouts {
	if d := s.control.TimeoutRemote; d > 0 {
		return smtp.SameTimeouts(d)
	}
	return smtp.StandardTimeouts()
}

// send says hello and sends what waits.
func (s *session) send(sender *smtp.Sender) error {
	if err := sender.Hello(s.control.HeloHost); err != nil {
		return err
	}
	s.ignore(&sender.Extensions)
	if s.line != nil {
		s.line.hello = true
	}
	if err := s.queue.start(sender); err != nil {
		return err
	}
	if s.line != nil {
		return s.stand(sender)
	}
	if err := sender.Run(s.queue); err != nil {
		return err
	}
	s.queue.decideSenders()
	switch {
	case s.queue.stuck:
		return overByStuck
	case s.queue.hungUp:
		return lastWords(sender)
	case s.queue.refused() != "":
		return overRefused
	}
	return nil
}

// lastWords reads what the customer's server said before it hung up, and says how the
// session ended.
func lastWords(sender *smtp.Sender) error {
	return sender.Idle(func() (readable bool, err error) { return true, nil })
}

// logEnd writes the session's last line.
func (s *session) logEnd(err error) {
	reason := "quit"
	switch {
	case err == io.EOF:
		reason = "hangup"
	case err != nil:
		reason = err.Error()
	}
	c := s.count
	s.Log.Event("end",
		logline.N("messages", int64(c.delivered)),
		logline.N("bytes", c.bytes),
		logline.N("seconds", int64(time.Since(s.start).Seconds())),
		logline.N("bounced", int64(c.bounced)),
		logline.N("deferred", int64(c.deferred)),
		logline.N("stays", int64(c.waiting)),
		logline.F("reason", reason))
}

// ExitCode is what a session's error means to the world: 0, or 111 where the
// customer should come again.
func ExitCode(err error) int {
	var reply smtp.Reply
	if err == nil || errors.As(err, &reply) && !reply.Closing() {
		return 0
	}
	return 111
}
