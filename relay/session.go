package relay

import (
	"errors"
	"time"

	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/maildir/lock"
	"vodmr/qmail"
	"vodmr/smtp"
)

// A session is one authenticated customer.
type session struct {
	Config
	server *smtp.Server
	start  time.Time

	control  qmail.Settings
	locals   []string // domains of this host's own users; for Expire alone
	settings Settings
	entitled *entitlement
	box      *maildir.Box
	queue    *queue
	line     *line // where the session stands; nil where it does not
	count    counts
}

// errTurn ends the command loop after ATRN was accepted.
var errTurn = errors.New("the roles turn")

// commands are those of the authenticated state (RFC 2645 section 5.2).
func (s *session) commands() map[string]smtp.Command {
	always := func(r smtp.Reply) smtp.Command {
		return func(string) (smtp.Reply, error) { return r, nil }
	}
	commands := map[string]smtp.Command{
		"ATRN": s.atrn,
		"EHLO": s.ehlo,
		"HELO": always(smtp.NewReply(250, "", s.Host)),
		"NOOP": always(smtp.ReplyOK()),
		"RSET": always(smtp.ReplyOK()),
		"HELP": always(smtp.NewReply(214, "2.0.0", "say ATRN, or ATRN domain,domain, and be ready to take mail on this connection")),
		"AUTH": always(smtp.ReplyBadSequence("you are logged in")),
		"QUIT": func(string) (smtp.Reply, error) { return smtp.ReplyBye(s.Host), smtp.ErrQuit },
	}
	commands["STARTTLS"] = always(smtp.ReplyBadSequence("too late for STARTTLS: you are logged in"))
	for _, verb := range smtp.MailVerbs() {
		commands[verb] = always(smtp.ReplyNoMailHere())
	}
	return commands
}

func (s *session) ehlo(arg string) (smtp.Reply, error) {
	if arg == "" {
		return smtp.ReplyBadArgument("EHLO needs your host name"), nil
	}
	return smtp.Reply{Code: 250, Lines: []string{s.Host, "ENHANCEDSTATUSCODES", "ATRN"}}, nil
}

// atrn answers ATRN, and turns the session where mail may wait.
func (s *session) atrn(arg string) (smtp.Reply, error) {
	if s.server.Lines.Buffered() > 0 || s.Conn.Pending() {
		return smtp.ReplyEarlyBytes(), smtp.ReplyEarlyBytes()
	}
	reply := s.prepare(arg)
	s.Log.Event("atrn", logline.F("user", s.Login), logline.F("domains", arg), logline.F("reply", reply.String()))
	if !reply.Accepted() {
		s.close()
		return reply, nil
	}
	return reply, errTurn
}

// prepare takes the steps from the domains to the first message, and returns
// ATRN's reply.
func (s *session) prepare(arg string) smtp.Reply {
	domains, err := askedDomains(arg)
	if err != nil {
		return smtp.ReplyBadArgument(err.Error())
	}
	if s.Refused != nil {
		return s.trouble(s.Refused)
	}
	if s.entitled, err = identify(&s.Config); err != nil {
		return s.trouble(err)
	}
	reply, err := s.entitle()
	if err != nil {
		return s.trouble(err)
	}
	if reply.Code == 0 {
		reply = s.entitled.claim(domains)
	}
	if s.entitled.failed != nil {
		return s.trouble(s.entitled.failed)
	}
	if reply.Code != 0 {
		return reply
	}
	if s.control, err = s.Qmail.Settings(s.Host); err != nil {
		return s.trouble(err)
	}
	return s.openQueue()
}

// entitle applies the rules, or what stands in for them. The reply is a refusal,
// or zero.
func (s *session) entitle() (smtp.Reply, error) {
	s.settings = standardSettings()
	if err := s.settings.apply(s.Environ); err != nil {
		return smtp.Reply{}, err
	}
	domains, reply, err := s.applyRule()
	if err != nil || reply.Code != 0 {
		return reply, err
	}
	if s.settings.RequireTLS && !s.TLS {
		return smtp.NewReply(530, "5.7.0", "this login must use TLS: say STARTTLS before you log in"), nil
	}
	if domains != "" {
		return smtp.Reply{}, s.entitled.byRule(domains)
	}
	return smtp.Reply{}, s.entitled.byDefault()
}

// applyRule looks the login up in rules.cdb. A login that no rule knows is
// denied; a rule without VODMR_DOMAINS leaves the domains to the default.
func (s *session) applyRule() (domains string, refusal smtp.Reply, err error) {
	if s.Rules == "" {
		return "", smtp.Reply{}, nil
	}
	rule, found, err := s.rule()
	if err != nil {
		return "", smtp.Reply{}, err
	}
	if !found || rule.Deny {
		return "", replyNoDomain(), nil
	}
	get := func(name string) string { return rule.Env[name] }
	return get("VODMR_DOMAINS"), smtp.Reply{}, s.settings.apply(get)
}

// rule is the one that rules.cdb has for the login.
func (s *session) rule() (rule qmail.Rule, found bool, err error) {
	rules, err := qmail.OpenRules(s.Rules)
	if err != nil {
		return rule, false, err
	}
	defer rules.Close()
	return rules.For(s.entitled.login)
}

// trouble logs why the customer must come again.
func (s *session) trouble(err error) smtp.Reply {
	s.Log.Event("error", logline.Err(err))
	return replyTrouble()
}

func replyTrouble() smtp.Reply {
	return smtp.NewReply(451, "4.3.0", "trouble here, try again later")
}

// lookTime is how long ATRN's reply may wait for the news that mail is there.
const lookTime = 5 * time.Second

// openQueue locks the Maildir and looks for the first message.
func (s *session) openQueue() smtp.Reply {
	var err error
	if s.box, err = maildir.Open(s.Home, s.Maildir); err != nil {
		return s.trouble(err)
	}
	if err = s.lock(); errors.Is(err, lock.ErrLocked) {
		err = s.takeOver()
	}
	if errors.Is(err, lock.ErrLocked) {
		return smtp.NewReply(451, "4.3.0", "another session of this mailbox is under way, try again later")
	}
	if err != nil {
		return s.trouble(err)
	}
	deadline := time.Now().Add(lookTime)
	list, err := s.box.Scan(deadline)
	unfinished := errors.Is(err, maildir.ErrDeadline)
	if err != nil && !unfinished {
		return s.trouble(err)
	}
	s.queue = newQueue(s, list, unfinished)
	if s.queue.unread() != nil {
		return replyTrouble() // it is logged
	}
	if s.queue.tooSoon() {
		return smtp.NewReply(450, "4.7.1", "too soon: wait "+s.settings.Interval.String()+" after each session")
	}
	waits, err := s.queue.mayWait(deadline)
	if err != nil {
		return s.trouble(err)
	}
	if !waits && !s.stands() {
		if s.queue.unreadable {
			return s.trouble(errUnreadable)
		}
		return smtp.NewReply(453, "4.2.0", "you have no mail")
	}
	return smtp.NewReply(250, "2.0.0", "the roles turn now")
}

// lock takes the Maildir's lock, and logs what stood in its place.
func (s *session) lock() error {
	defer s.tellAside()
	return s.box.Lock.Acquire()
}

// takeOver takes the lock from a session that stands.
func (s *session) takeOver() error {
	defer s.tellAside()
	return s.box.Lock.TakeOver(s.pace().takeOver, func(err error) {
		s.Log.Event("error", logline.F("reason", "the session that stands cannot be asked for the mailbox"), logline.Err(err))
	})
}

// tellAside logs what stood in the place of the Maildir's files.
func (s *session) tellAside() {
	for _, name := range s.box.Lock.Quarantined() {
		s.Log.Event("error", logline.F("file", name), logline.F("reason", "it was no regular file of ours: it is set aside as "+name+".bad"))
	}
}

var errUnreadable = errors.New("mail waits, but none of it can be read")

// close gives the Maildir back.
func (s *session) close() {
	if s.line != nil {
		s.line.close()
	}
	if s.queue != nil {
		s.queue.close()
	}
	if s.box != nil {
		s.box.Close()
	}
	if s.entitled != nil {
		s.entitled.close()
	}
	s.queue, s.box, s.entitled, s.line = nil, nil, nil, nil
}
