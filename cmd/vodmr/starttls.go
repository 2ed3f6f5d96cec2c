package main

import (
	"fmt"
	"time"

	"vodmr/auth"
	"vodmr/internal/logline"
	"vodmr/smtp"
)

// A connection is what the customer talks over.
type connection interface {
	smtp.Stream
	Pending() bool // whether unread bytes wait
}

// A tlsOffer is a program outside this one that would put TLS around the
// connection.
type tlsOffer interface {
	// open says whether that program is still there.
	open() bool

	// begin has it shake hands with the customer, who was told to go ahead, and
	// returns the connection to go on with.
	begin(until time.Time) (connection, error)
}

// mayStartTLS says whether STARTTLS works as things are.
func (s *session) mayStartTLS() bool { return !s.tls && s.offer != nil && s.offer.open() }

// starttls answers STARTTLS (RFC 3207). Nothing is kept of what the customer
// said before: what came in plain could have been anybody's.
func (s *session) starttls(arg string) (smtp.Reply, error) {
	switch {
	case arg != "":
		return smtp.ReplyBadArgument("STARTTLS takes no argument"), nil
	case s.tls:
		return smtp.ReplyBadSequence("this is inside TLS already"), nil
	case s.client.SpokeEarly():
		early := smtp.ReplyEarlyBytes()
		return early, early
	case !s.offer.open():
		s.log.Event("error", logline.F("ip", s.ip), logline.F("reason", "the TLS program has closed SSLCTLFD"))
		return replyNoTLS(), nil
	}
	s.server.Say(replyGoAhead())
	if err := s.server.Flush(); err != nil {
		return smtp.Reply{}, err
	}
	conn, err := s.offer.begin(s.server.Until)
	if err != nil {
		// No word of ours may reach a customer that expects TLS, not even that
		// the time is over: so the cause is only text here.
		return smtp.Reply{}, fmt.Errorf("STARTTLS: %v", err)
	}
	s.tls = true
	s.talkOver(conn)
	return smtp.Reply{}, nil
}

// talkOver makes conn the connection to the customer. The line reader is a new
// one, so that no byte of another connection is in it.
func (s *session) talkOver(conn connection) {
	s.server.Stream = conn
	s.server.Lines = smtp.NewLineReader(conn, smtp.MaxCommandLine)
	s.client = auth.Client{Server: s.server, Pending: conn.Pending}
}

// The replies of RFC 3207 section 4.

func replyGoAhead() smtp.Reply { return smtp.NewReply(220, "2.0.0", "go ahead with TLS") }
func replyNoTLS() smtp.Reply {
	return smtp.NewReply(454, "4.7.0", "TLS is not available now, try later")
}
