package smtp

import (
	"fmt"
	"time"
)

// Hello waits for the greeting and says EHLO, or HELO if that is refused
// (RFC 5321 section 3.2).
func (s *Sender) Hello(helo string) error {
	greeting, err := s.await(s.timeouts.Greeting)
	if err != nil {
		return err
	}
	if !greeting.Accepted() {
		return &RefusedError{"greeting", greeting}
	}
	reply, err := s.command("EHLO "+helo, s.timeouts.Other)
	if err != nil {
		return err
	}
	if reply.Accepted() {
		s.Extensions = ParseExtensions(reply.Lines)
		s.Fingerprint = fingerprint(greeting, reply)
		return nil
	}
	reply, err = s.command("HELO "+helo, s.timeouts.Other)
	if err != nil {
		return err
	}
	if !reply.Accepted() {
		return &RefusedError{"HELO", reply}
	}
	return nil
}

// quitTime bounds the wait for QUIT's reply, which changes nothing.
const quitTime = 20 * time.Second

// Quit says QUIT and waits a little for the reply.
func (s *Sender) Quit() error {
	_, err := s.command("QUIT", min(quitTime, s.timeouts.Other))
	return err
}

// command says one line in lock step and returns its reply. A server that has
// said more than it was asked is out of step: its next replies would be taken
// for those of other commands. If a server takes no more bytes, its earlier
// replies still count.
func (s *Sender) command(line string, timeout time.Duration) (Reply, error) {
	if s.parser.Partial() {
		return Reply{}, &BrokenError{fmt.Errorf("%w: more than one reply to one command", ErrNotSMTP)}
	}
	s.put(line)
	deadline := time.Now().Add(timeout)
	for s.pending() > 0 && s.mute == nil {
		if err := s.exchange(deadline); err != nil {
			return Reply{}, err
		}
	}
	if s.mute != nil {
		// It has not got the line, and owes nothing.
		deadline = time.Now().Add(s.timeouts.Other)
	}
	return s.await(time.Until(deadline))
}

// await returns the next reply.
func (s *Sender) await(timeout time.Duration) (Reply, error) {
	deadline := time.Now().Add(timeout)
	for {
		reply, ok, err := s.parser.Next()
		switch {
		case err != nil:
			return Reply{}, &BrokenError{err}
		case ok && reply.Closing():
			return reply, &ClosingError{reply}
		case ok:
			return reply, nil
		}
		if err := s.exchange(deadline); err != nil {
			return Reply{}, err
		}
	}
}
