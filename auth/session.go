package auth

import (
	"errors"
	"io"
	"slices"
	"time"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/smtp"
)

// A Session is one connection in RFC 2645's initial state: greeting, EHLO, STARTTLS
// and AUTH, with their limits and delays. It runs no program: Check does.
type Session struct {
	Host    string        // in the greeting, the EHLO reply and the challenge
	Limit   time.Duration // longest session without a login
	NeedTLS bool          // no AUTH without TLS
	NoCRAM  bool          // CRAM-MD5 is switched off
	Trusted bool          // nobody listens on the way from the customer's address: as good as TLS
	Quiet   bool          // a connection that only says EHLO and QUIT is not logged: a health check
	TLS     bool          // the connection is inside TLS
	Offer   TLSOffer      // who can put it there; nil for nobody

	// External is set if the customer has shown a certificate in the TLS handshake, and
	// Check can tell whose it is.
	External bool

	IP  string // the customer's, for the log
	Log *logline.Logger

	// Check decides about credentials, once, until the session's end at the latest. A nil
	// error is a login: another program has the connection from then on. An error that
	// wraps ErrRefused is a wrong login or password, any other is trouble.
	Check func(c Credentials, until time.Time) error

	server     *smtp.Server
	client     Client
	mechanisms []Mechanism
	sleep      func(time.Duration)
	now        func() time.Time

	spoke    bool // said more than a health check does
	tried    bool // a login was tried, and failed: there is one try
	loggedIn bool
}

// errLoggedIn ends the command loop: the connection is another program's.
var errLoggedIn = errors.New("logged in")

// NewSession makes a session over a connection; its exported fields but Host are still to
// be set.
func NewSession(host string, conn Connection) *Session {
	s := &Session{Host: host, server: smtp.NewServer(conn), sleep: time.Sleep, now: time.Now}
	s.client = Client{Server: s.server, Pending: conn.Pending}
	s.mechanisms = []Mechanism{CRAMMD5(host, func() time.Time { return s.now() }), Plain(), Login(), External()}
	return s
}

// Serve greets the customer and answers until a login, or until the session ends without
// one. It reports if the customer may still be sending, and so could lose the last reply.
func (s *Session) Serve() (unheard bool) {
	if s.NoCRAM {
		s.mechanisms = slices.DeleteFunc(s.mechanisms, func(m Mechanism) bool { return m.Name == cramMD5 })
	}
	s.server.Until = s.now().Add(s.Limit)
	s.server.Commands = s.commands()
	s.server.Say(smtp.NewReply(220, "", s.Host+" on-demand mail relay"))
	err := s.server.Serve()
	theirs := err == nil || errors.Is(err, io.EOF) // it was the customer who ended it
	if !s.loggedIn && !s.wasCheck(theirs) {
		s.Log.Event("end", logline.F("ip", s.IP), logline.F("reason", endReason(err)))
	}
	return !s.loggedIn && (!theirs || s.client.Pending())
}

// wasCheck reports if the session was a balancer's health check, which comes every few
// seconds: it says EHLO and QUIT, or nothing at all. theirs: the customer ended it.
func (s *Session) wasCheck(theirs bool) bool {
	return s.Quiet && theirs && !s.spoke && !s.server.HadUnknown()
}

// endReason says in a word or a reply why a session ended without a login.
func endReason(err error) string {
	if err == nil {
		return "quit"
	}
	if errors.Is(err, io.EOF) {
		return "hangup"
	}
	if errors.Is(err, fdio.ErrWoken) {
		return "vodmr's other process has ended"
	}
	return err.Error()
}

// commands returns what the initial state knows (RFC 2645 section 5.1).
func (s *Session) commands() map[string]smtp.Command {
	commands := map[string]smtp.Command{
		"EHLO": s.ehlo,
		"HELO": s.helo,
		"AUTH": s.auth,
		"ATRN": smtp.Always(ReplyRequired()),
		"NOOP": smtp.Always(smtp.ReplyOK()),
		"RSET": smtp.Always(smtp.ReplyOK()),
		"HELP": smtp.Always(replyHelp()),
		"QUIT": smtp.Quit(s.Host),
		// A balancer's header, for which vodmr-proxy is missing in the chain: version 1 is one
		// line that begins with PROXY, and the third line of version 2 is one NUL.
		"PROXY": endsByProxyHeader,
		"\x00":  endsByProxyHeader,
	}
	if s.TLS || s.Offer != nil {
		commands["STARTTLS"] = s.starttls
	}
	for _, verb := range smtp.MailVerbs() {
		commands[verb] = smtp.Always(smtp.ReplyNoMailHere())
	}
	for verb, command := range commands {
		if verb != "EHLO" && verb != "QUIT" {
			commands[verb] = s.noted(command)
		}
	}
	return commands
}

// noted returns a command after which the session is no health check.
func (s *Session) noted(command smtp.Command) smtp.Command {
	return func(arg string) (smtp.Reply, error) {
		s.spoke = true
		return command(arg)
	}
}

// endsByProxyHeader ends the session: the customer's own commands would get the replies to
// the header, one after the other.
func endsByProxyHeader(string) (smtp.Reply, error) {
	r := replyProxyHeader()
	return r, r
}

func (s *Session) helo(name string) (smtp.Reply, error) {
	if name == "" {
		return smtp.ReplyBadArgument("HELO needs your host name"), nil
	}
	return smtp.NewReply(250, "", s.Host), nil
}

func (s *Session) ehlo(name string) (smtp.Reply, error) {
	if name == "" {
		return smtp.ReplyBadArgument("EHLO needs your host name"), nil
	}
	r := smtp.NewReply(250, "", s.Host)
	r.Lines = append(r.Lines, "ENHANCEDSTATUSCODES")
	if s.mayStartTLS() {
		r.Lines = append(r.Lines, "STARTTLS")
	}
	if offered := s.offered(); s.mayLogin() && len(offered) > 0 {
		r.Lines = append(r.Lines, "AUTH "+Names(offered))
	}
	r.Lines = append(r.Lines, "ATRN")
	return r, nil
}

// mayLogin reports if AUTH works now: without TLS it may be forbidden.
func (s *Session) mayLogin() bool { return s.unheard() || !s.NeedTLS }

// lostTLS reports if there should be STARTTLS and is none, since the certificate is at
// fault for example.
func (s *Session) lostTLS() bool { return !s.TLS && s.Offer != nil && !s.Offer.Open() }

// unheard reports if nobody can listen between the customer and this program.
func (s *Session) unheard() bool { return s.TLS || s.Trusted }

// offered lists the mechanisms that work now.
func (s *Session) offered() []Mechanism {
	return slices.DeleteFunc(slices.Clone(s.mechanisms), func(m Mechanism) bool {
		return m.Certificate && !s.External || m.Clear && !s.unheard()
	})
}

// replyHelp says what this is.
func replyHelp() smtp.Reply {
	r := smtp.NewReply(214, "2.0.0", "this is vodmr, an on-demand mail relay (RFC 2645)")
	r.Lines = append(r.Lines,
		"it keeps your mail until you fetch it: EHLO, AUTH, then ATRN,",
		"and your waiting mail comes to you over this connection")
	return r
}
