package main

import (
	"errors"
	"io"
	"time"

	"vodmr/auth"
	"vodmr/internal/logline"
	"vodmr/smtp"
)

// checkFunc runs the checkpassword program; see auth.Program.Check.
type checkFunc func(auth.Credentials, time.Time) (*auth.Child, error)

// A session is one connection in RFC 2645's initial state.
type session struct {
	options
	server     *smtp.Server
	client     auth.Client
	mechanisms []auth.Mechanism
	check      checkFunc
	log        *logline.Logger
	ip         string   // the customer's, for the log
	tls        bool     // whether the connection is inside TLS
	offer      tlsOffer // who would put it there; nil for nobody
	sleep      func(time.Duration)
	now        func() time.Time

	failed  int         // logins that failed, for whatever reason
	refused int         // those of them that the program refused
	child   *auth.Child // set by the login that ends this state
}

// errLoggedIn ends the command loop: the connection is another program's.
var errLoggedIn = errors.New("logged in")

// serve greets the customer and answers until it logged in or the session
// ended. It returns the program that has the connection, nil for none.
func (s *session) serve() *auth.Child {
	s.server.Until = s.now().Add(s.limit)
	s.server.Commands = s.commands()
	s.server.Say(replyGreeting(s.host))
	err := s.server.Serve()
	if s.child == nil {
		s.log.Event("end", logline.F("ip", s.ip), logline.F("reason", endReason(err)))
	}
	return s.child
}

// endReason says in a word or a reply why a session ended without a login.
func endReason(err error) string {
	switch {
	case err == nil:
		return "quit"
	case errors.Is(err, io.EOF):
		return "hangup"
	}
	return err.Error()
}

// commands returns what the initial state knows (RFC 2645 section 5.1).
func (s *session) commands() map[string]smtp.Command {
	commands := map[string]smtp.Command{
		"EHLO": s.ehlo,
		"HELO": s.helo,
		"AUTH": s.auth,
		"ATRN": always(auth.ReplyRequired()),
		"NOOP": always(smtp.ReplyOK()),
		"RSET": always(smtp.ReplyOK()),
		"HELP": always(replyHelp()),
		"QUIT": s.quit,
	}
	if s.tls || s.offer != nil {
		commands["STARTTLS"] = s.starttls
	}
	for _, verb := range smtp.MailVerbs() {
		commands[verb] = always(smtp.ReplyNoMailHere())
	}
	return commands
}

// always returns a command that has one reply.
func always(r smtp.Reply) smtp.Command {
	return func(string) (smtp.Reply, error) { return r, nil }
}

func (s *session) quit(string) (smtp.Reply, error) {
	return smtp.ReplyBye(s.host), smtp.ErrQuit
}

func (s *session) helo(name string) (smtp.Reply, error) {
	if name == "" {
		return smtp.ReplyBadArgument("HELO needs your host name"), nil
	}
	return smtp.NewReply(250, "", s.host), nil
}

func (s *session) ehlo(name string) (smtp.Reply, error) {
	if name == "" {
		return smtp.ReplyBadArgument("EHLO needs your host name"), nil
	}
	r := smtp.NewReply(250, "", s.host)
	r.Lines = append(r.Lines, "ENHANCEDSTATUSCODES")
	if s.mayStartTLS() {
		r.Lines = append(r.Lines, "STARTTLS")
	}
	if s.mayLogin() {
		r.Lines = append(r.Lines, "AUTH "+auth.Names(s.offered()))
	}
	r.Lines = append(r.Lines, "ATRN")
	return r, nil
}

// mayLogin says whether AUTH works as things are.
func (s *session) mayLogin() bool { return s.tls || !s.needTLS }

// offered lists the mechanisms that work as things are.
func (s *session) offered() []auth.Mechanism {
	var list []auth.Mechanism
	for _, m := range s.mechanisms {
		if s.tls || !m.Clear {
			list = append(list, m)
		}
	}
	return list
}

// replyGreeting opens the session.
func replyGreeting(host string) smtp.Reply {
	return smtp.NewReply(220, "", host+" on-demand mail relay")
}

// replyHelp says what this is.
func replyHelp() smtp.Reply {
	r := smtp.NewReply(214, "2.0.0", "this is vodmr, an on-demand mail relay (RFC 2645)")
	r.Lines = append(r.Lines,
		"it keeps your mail until you fetch it: EHLO, AUTH, then ATRN,",
		"and your waiting mail comes to you over this connection")
	return r
}
