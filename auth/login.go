package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"vodmr/internal/logline"
	"vodmr/smtp"
)

// refusalTime is how much later than at once a refusal is said, to each customer alike.
const refusalTime = time.Second

// auth answers AUTH (RFC 4954 section 4). If a client did not wait for the answer, it is
// not believed, whatever the answer is.
func (s *Session) auth(arg string) (smtp.Reply, error) {
	err := s.authenticate(arg)
	var reply smtp.Reply
	isReply := errors.As(err, &reply)
	switch {
	case errors.Is(err, ErrEarly), isReply && s.client.SpokeEarly():
		early := smtp.ReplyEarlyBytes()
		return early, early
	case !isReply:
		return smtp.Reply{}, err
	case s.tried:
		return reply, reply
	}
	return reply, nil
}

// authenticate runs the exchange that arg asks for and checks what it gave. It
// returns errLoggedIn, the reply to give, or another error, which ends the session.
func (s *Session) authenticate(arg string) error {
	mechanism, initial, err := s.mechanism(arg)
	if err != nil {
		return err
	}
	c, err := mechanism.Exchange(s.client, initial)
	refused := errors.Is(err, ErrRefused)
	switch {
	case err != nil && !refused:
		if reply, ok := errors.AsType[smtp.Reply](err); ok && reply.Temporary() { // our fault
			s.Log.Event("error", logline.F("ip", s.IP), logline.Err(err))
		}
		return err
	case s.client.SpokeEarly():
		return ErrEarly
	case refused:
		return s.refuse(mechanism.Name, c, err)
	}
	return s.login(mechanism.Name, c)
}

// mechanism finds the mechanism that arg names; initial is the initial response.
func (s *Session) mechanism(arg string) (m Mechanism, initial string, err error) {
	if !s.mayLogin() && s.lostTLS() {
		s.Log.Event("error", logline.F("ip", s.IP), logline.F("reason", "no login without TLS, which cannot be had: "+lostTLS))
		return m, "", replyNoTLS()
	}
	if !s.mayLogin() {
		return m, "", ReplyNeedsTLS()
	}
	if arg == "" {
		return m, "", ReplyNoMechanism()
	}
	name, initial := arg, ""
	if i := strings.IndexAny(arg, " \t"); i >= 0 {
		name, initial = arg[:i], strings.TrimLeft(arg[i:], " \t")
	}
	for _, m := range s.mechanisms {
		if !strings.EqualFold(m.Name, name) {
			continue
		}
		if (m.Clear || m.Certificate) && !s.unheard() {
			return m, "", ReplyNeedsTLS()
		}
		if m.Certificate && !s.External {
			return m, "", ReplyNoCertificate()
		}
		return m, initial, nil
	}
	return m, "", ReplyUnknownMechanism()
}

// login has the checkpassword program decide.
func (s *Session) login(mechanism string, c Credentials) error {
	// The program may answer from here on: what was said before must be out.
	if err := s.server.Flush(); err != nil {
		return err
	}
	if err := s.checkFitting(c); err != nil {
		return s.refuse(mechanism, c, err)
	}
	s.Log.Event("login", s.who(mechanism, c)...)
	s.loggedIn = true
	return errLoggedIn
}

// refuse logs a login that failed, and returns the reply to give. The session ends with
// it: a guess costs a connection of its own, as with qmail-popup.
func (s *Session) refuse(mechanism string, c Credentials, why error) error {
	reply, event := ReplyTrouble(), "error"
	if errors.Is(why, ErrRefused) {
		reply, event = ReplyRefused(), "refused"
	}
	s.Log.Event(event, append(s.who(mechanism, c), logline.F("reply", reply.String()), logline.Err(why))...)
	s.tried = true
	if event == "refused" {
		s.sleep(refusalTime)
	}
	return reply
}

// who names the login, for the log.
func (s *Session) who(mechanism string, c Credentials) []logline.Field {
	fields := []logline.Field{
		logline.F("user", c.Login), logline.F("mechanism", mechanism), logline.F("ip", s.IP),
	}
	if s.TLS {
		fields = append(fields, logline.F("tls", "yes"))
	}
	return fields
}

// checkFitting spares the program credentials that it would cut, and then refuse
// without saying why. A challenge is for vchkpw's room; a plain password may be for
// another program, so that one has it as long as any can. How long a password is
// stays a secret.
func (s *Session) checkFitting(c Credentials) error {
	if c.Challenge != "" && !c.Fits() {
		return fmt.Errorf("%w: vchkpw cannot take a login of %d bytes", ErrRefused, len(c.Login))
	}
	if c.TooLong() {
		return fmt.Errorf("%w: no checkpassword program takes this login and password: they are too long", ErrRefused)
	}
	err := s.Check(c, s.server.Until)
	if errors.Is(err, ErrRefused) && !c.Fits() {
		err = fmt.Errorf("%w; if it is vchkpw, it could not read this login and password whole: they are too long for it", err)
	}
	return err
}
