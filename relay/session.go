package relay

import (
	"errors"
	"fmt"
	"time"

	"vodmr/internal/hang"
	"vodmr/internal/logline"
	"vodmr/internal/sys"
	"vodmr/maildir"
	"vodmr/maildir/lock"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/relay/spool"
	"vodmr/smtp"
)

// A session is one authenticated customer.
type session struct {
	Config
	server *smtp.Server
	start  time.Time

	control qmail.Settings
	login   grant.Login
	grant   *grant.Grant
	guard   *hang.Guard // of the last ATRN
	box     *maildir.Box
	spool   *spool.Spool
	source  *source      // once the roles have turned
	wake    *wakeConn    // of a standing session, else nil
	count   spool.Counts // of a spool that is closed
}

// errTurn ends the command loop after ATRN was accepted.
var errTurn = errors.New("the roles turn")

// commands are those of the authenticated state (RFC 2645 section 5.2).
func (s *session) commands() map[string]smtp.Command {
	commands := map[string]smtp.Command{
		"ATRN": s.atrn,
		"EHLO": s.ehlo,
		"HELO": smtp.Always(smtp.NewReply(250, "", s.Host)),
		"NOOP": smtp.Always(smtp.ReplyOK()),
		"RSET": smtp.Always(smtp.ReplyOK()),
		"HELP": smtp.Always(smtp.NewReply(214, "2.0.0", "say ATRN, or ATRN domain,domain, and be ready to take mail on this connection")),
		"AUTH": smtp.Always(smtp.ReplyBadSequence("you are logged in")),
		"QUIT": smtp.Quit(s.Host),

		"STARTTLS": smtp.Always(smtp.ReplyBadSequence("too late for STARTTLS: you are logged in")),
	}
	for _, verb := range smtp.MailVerbs() {
		commands[verb] = smtp.Always(smtp.ReplyNoMailHere())
	}
	return commands
}

func (s *session) ehlo(arg string) (smtp.Reply, error) {
	if arg == "" {
		return smtp.ReplyBadArgument("EHLO needs your host name"), nil
	}
	return smtp.Reply{Code: 250, Lines: []string{s.Host, "ENHANCEDSTATUSCODES", "ATRN"}}, nil
}

// atrn answers ATRN, and turns the session if mail may wait.
func (s *session) atrn(arg string) (smtp.Reply, error) {
	if s.server.Lines.Buffered() > 0 || s.Conn.Pending() {
		return smtp.ReplyEarlyBytes(), smtp.ReplyEarlyBytes()
	}
	s.guard = s.guardATRN(arg)
	reply := s.prepare(arg)
	if !reply.Accepted() {
		s.close()
	}
	if !s.guard.End() {
		select {} // the guard has answered, and ends this process
	}
	s.Log.Event("atrn", logline.F("user", s.Login), logline.F("domains", arg), logline.F("reply", reply.String()))
	if !reply.Accepted() {
		return reply, nil
	}
	return reply, errTurn
}

// prepare takes the steps from the domains to the first message, and returns
// ATRN's reply.
func (s *session) prepare(arg string) smtp.Reply {
	domains, err := grant.AskedDomains(arg)
	if err != nil {
		return smtp.ReplyBadArgument(err.Error())
	}
	if s.Refused != nil {
		return s.trouble(s.Refused)
	}
	reply, err := s.entitle(domains)
	if err != nil {
		return s.trouble(err)
	}
	if reply.Code != 0 {
		return reply
	}
	if s.control, err = s.Qmail.Settings(s.Host); err != nil {
		return s.trouble(err)
	}
	return s.openQueue()
}

// site is the provider's files.
func (s *session) site() grant.Site { return grant.Site{Qmail: s.Qmail, Rules: s.Rules} }

// entitle finds out what the login may have of the domains that the customer asks for.
// The reply is a refusal, or zero.
func (s *session) entitle(domains []string) (reply smtp.Reply, err error) {
	s.grant, err = grant.For(s.site(), s.Login, s.Home, s.Maildir, s.Environ)
	switch g := s.grant; {
	case g == nil:
		return smtp.Reply{}, err
	case g.Refusal.Code != 0:
		return g.Refusal, nil
	case g.Settings.RequireTLS && !s.TLS:
		return smtp.NewReply(530, "5.7.0", "this login must use TLS: say STARTTLS before you log in"), nil
	case err != nil:
		return smtp.Reply{}, err
	default:
		return g.Restrict(domains)
	}
}

// trouble logs why the customer must come again.
func (s *session) trouble(err error) smtp.Reply {
	s.Log.Event("error", logline.Err(err))
	return replyTrouble()
}

func replyTrouble() smtp.Reply {
	return smtp.NewReply(451, "4.3.0", "local error, try again later")
}

// lookTime is how long ATRN's reply may wait for the news that mail is there.
const lookTime = 5 * time.Second

// openQueue locks the Maildir and looks for the first message.
func (s *session) openQueue() smtp.Reply {
	var err error
	path := sys.Join(s.Home, s.Maildir)
	s.guard.Next("open "+path, 0)
	if s.box, err = maildir.Open(s.Home, s.Maildir); err != nil {
		return s.trouble(err)
	}
	s.guard.Next("lock "+path, 0)
	if err = s.lock(); errors.Is(err, lock.ErrLocked) {
		s.guard.Next("lock "+path, s.patience())
		err = s.takeOver()
	}
	if errors.Is(err, lock.ErrLocked) {
		return smtp.NewReply(451, "4.3.0", "another session of this mailbox is under way, try again later")
	}
	if err != nil {
		return s.trouble(err)
	}
	deadline := time.Now().Add(lookTime)
	s.guard.Next("list "+path, 0)
	if err := s.newSpool().Scan(deadline); err != nil {
		return s.trouble(err)
	}
	if s.spool.Unread() != nil {
		return replyTrouble() // it is logged
	}
	if s.spool.TooSoon() {
		return smtp.NewReply(450, "4.7.1", "too soon: wait "+s.grant.Settings.Interval.String()+" after each session")
	}
	s.guard.Next("read "+path, 0)
	mayWait, err := s.spool.MayWait(deadline)
	if err != nil {
		return s.trouble(err)
	}
	if !mayWait && !s.isStanding() {
		if s.spool.Unreadable {
			return s.trouble(errUnreadable)
		}
		return smtp.NewReply(453, "4.2.0", "you have no mail")
	}
	return smtp.NewReply(250, "2.0.0", "the roles turn now"+s.counted())
}

// lock takes the Maildir's lock, and logs any other file that had its name.
func (s *session) lock() error {
	defer spool.LogQuarantined(s.box, s.Log)
	return s.box.Lock.Acquire()
}

// newSpool makes the Spool of the locked Maildir.
func (s *session) newSpool() *spool.Spool {
	bouncer := spool.NewBouncer(s.Queue, s.Qmail, s.control)
	s.spool = spool.Open(s.box, s.grant, bouncer, s.Now, s.Log)
	s.spool.Session = s.Session
	*s.spool.Times = s.timings.retries
	return s.spool
}

// patience is how long a session asks another one for the mailbox, which may be on another
// host and hear of it only when it looks.
func (s *session) patience() time.Duration {
	if s.looksAfar() {
		return s.timings.takeOver + s.lookInterval()
	}
	return s.timings.takeOver
}

// takeOver takes the lock from a standing session.
func (s *session) takeOver() error {
	defer spool.LogQuarantined(s.box, s.Log)
	return s.box.Lock.TakeOver(s.patience(), func(err error) {
		s.Log.Event("error", logline.F("reason", "the standing session cannot be asked for the mailbox"), logline.Err(err))
	})
}

var errUnreadable = errors.New("mail waits, but none of it can be read")

// close gives the Maildir back.
func (s *session) close() {
	if s.wake != nil {
		s.wake.close()
	}
	if s.source != nil {
		s.source.close()
	}
	if s.spool != nil {
		s.count = s.spool.Counts
		s.spool.Close()
	}
	if s.box != nil {
		s.box.Close()
	}
	if s.grant != nil {
		s.grant.Close()
	}
	s.spool, s.box, s.grant, s.source, s.wake = nil, nil, nil, nil, nil
}

// counted is what ATRN's reply tells of the mail, since RFC 2645 leaves its text free: how
// many messages are in the Maildir, and how large they are if their names tell that. atrn
// shows by it how long the rest will take. It is empty if the listing is unfinished, or if
// the customer asked for a part of the mail: that part is not counted.
func (s *session) counted() string {
	messages, bytes, known := s.spool.Waiting()
	if !known || s.grant.Narrowed() {
		return ""
	}
	text := fmt.Sprintf(", %d messages wait", messages)
	switch messages {
	case 0:
		text = ", no message waits"
	case 1:
		text = ", 1 message waits"
	}
	if bytes > 0 {
		text += fmt.Sprintf(", %d bytes", bytes)
	}
	return text
}
