package auth

import (
	"fmt"
	"time"

	"vodmr/internal/logline"
	"vodmr/smtp"
)

// A Connection is what the customer talks over.
type Connection interface {
	smtp.Stream
	Pending() bool // if unread bytes wait
}

// A TLSOffer is a program outside this one that would put TLS around the
// connection.
type TLSOffer interface {
	// Open reports if that program is still there.
	Open() bool

	// Begin has it shake hands with the customer, who was told to go ahead, and
	// returns the connection to go on with.
	Begin(until time.Time) (Connection, error)

	// External reports, once TLS has begun, if AUTH EXTERNAL works.
	External() bool
}

// lostTLS is why TLS cannot be had, for the log; the TLS program has logged the cause.
const lostTLS = "the TLS program has closed SSLCTLFD"

// mayStartTLS reports if STARTTLS works now.
func (s *Session) mayStartTLS() bool { return !s.TLS && s.Offer != nil && s.Offer.Open() }

// starttls answers STARTTLS (RFC 3207). Nothing is kept of what the customer
// said before: what came in plain could have been anybody's.
func (s *Session) starttls(arg string) (smtp.Reply, error) {
	switch {
	case arg != "":
		return smtp.ReplyBadArgument("STARTTLS takes no argument"), nil
	case s.TLS:
		return smtp.ReplyBadSequence("this is inside TLS already"), nil
	case s.client.SpokeEarly():
		early := smtp.ReplyEarlyBytes()
		return early, early
	case !s.Offer.Open():
		s.Log.Event("error", logline.F("ip", s.IP), logline.F("reason", lostTLS))
		return replyNoTLS(), nil
	}
	s.server.Say(replyGoAhead())
	if err := s.server.Flush(); err != nil {
		return smtp.Reply{}, err
	}
	conn, err := s.Offer.Begin(s.server.Until)
	if err != nil {
		// No word of ours may reach a customer that expects TLS, not even that
		// the time is over: so the cause is only text here.
		return smtp.Reply{}, fmt.Errorf("STARTTLS: %v", err)
	}
	s.TLS, s.External = true, s.Offer.External()
	s.server.Stream = conn
	// A new line reader has no byte of another connection in it.
	s.server.Lines = smtp.NewLineReader(conn, smtp.MaxCommandLine)
	s.client.Pending = conn.Pending
	return smtp.Reply{}, nil
}

// The replies of RFC 3207 section 4.

func replyGoAhead() smtp.Reply { return smtp.NewReply(220, "2.0.0", "go ahead with TLS") }
func replyNoTLS() smtp.Reply {
	return smtp.NewReply(454, "4.7.0", "TLS is not available now, try later")
}
