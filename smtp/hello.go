package smtp

import "time"

// Hello waits for the greeting and says EHLO, or HELO if that is refused
// (RFC 5321 section 3.2).
func (s *Sender) Hello(helo string) error {
	greeting, err := s.link.await(s.link.timeouts.Greeting)
	if err != nil {
		return err
	}
	if !greeting.Accepted() {
		return &RefusedError{"greeting", greeting}
	}
	reply, err := s.link.command("EHLO "+helo, s.link.timeouts.Other)
	if err != nil {
		return err
	}
	if reply.Accepted() {
		s.Peer.Extensions = ParseExtensions(reply.Lines)
		s.Peer.Fingerprint = fingerprint(greeting, reply)
		return nil
	}
	reply, err = s.link.command("HELO "+helo, s.link.timeouts.Other)
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
	_, err := s.link.command("QUIT", min(quitTime, s.link.timeouts.Other))
	return err
}
