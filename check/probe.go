package check

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"vodmr/internal/address"
	"vodmr/internal/sendmail"
	"vodmr/relay/grant"
)

const (
	noProbe      kind = "wrong | cannot get a probe | name a login whose mailbox vodmr-check finds, and that holds a domain"
	probeForeign kind = "wrong | is not an address of this login | name one of its domains with -a"
	probeRefused kind = "wrong | is refused by the mail server | let the domain's mail lead to this Maildir; if it takes only addresses in a list, name one of them with -a"
	probeUnsent  kind = "wrong | cannot be sent | start the mail server, or install one with sendmail(1)"
	probeLost    kind = "wrong | did not come into the Maildir | look at the mail server's log and queue: where did it deliver the message?"
	probeOdd     kind = "wrong | came with an envelope that vodmr-relay cannot read | see if VODMR_MTA names the mail server that fills this Maildir; the reason says which line is missing"
	probeOther   kind = "wrong | came with another sender or recipient | see if VODMR_MTA is right, and if the mail server rewrites addresses: vodmr-relay would send the message on like this"
	probeTaken   kind = "doubtful | was not seen, but a session is under way and may have sent it on | look in the log for its recipient, or end the session and try again"
	probeLeft    kind = "doubtful | came, and cannot be removed | remove the file by hand, or the customer gets it"
)

// A probe is a message that is looked for.
type probe struct {
	m     *mailbox
	id    string // its Message-ID, without the angle brackets
	to    string // its recipient, raw
	began time.Time
}

// checkProbe sends a message through the mail server and finds it in the Maildir of a login.
func checkProbe(s *site, r *report) {
	if s.Probe == "" {
		return
	}
	p := &probe{id: rand.Text() + ".vodmr-probe@" + s.probeHost(), began: time.Now()}
	at := slices.IndexFunc(s.mailboxes, func(m *mailbox) bool { return m.login == s.Probe })
	if at < 0 || !s.mailboxes[at].found() {
		r.failed(cmp.Or(s.usersErr, errors.New("it has no mailbox")), s.Probe, noProbe)
		return
	}
	p.m = s.mailboxes[at]
	if p.m.owner.uid == 0 {
		r.say(p.m.home, rootsHome, "")
		return
	}
	recipients, err := p.recipients()
	if errors.Is(err, errForeign) {
		r.say(s.To, probeForeign, "the login's domains are "+strings.Join(p.m.grant.Domains, ", "))
		return
	}
	if r.failed(err, s.Probe, noProbe) {
		return
	}
	if domain := grant.Domain(recipients[0]); p.leaves(domain) {
		r.say(domain, notAccepted, "the probe would go to another host")
	} else if p.send(s, r, recipients) {
		p.await(r)
	}
}

// leaves reports if the mail server says that it would send the probe to another host, since it
// does not know the domain. A client on this host may send mail to anybody.
func (p *probe) leaves(domain string) bool {
	if p.m.agent() != "postfix" {
		return false
	}
	ask := &postfix{run: p.m.site.tool}
	accepted, _ := ask.accepts(domain)
	return !accepted && ask.broken == "" && ask.setting("mail_version") != ""
}

func (s *site) probeHost() string {
	if isHost(s.host) && !strings.HasPrefix(s.host, "[") {
		return s.host
	}
	if name, err := os.Hostname(); err == nil && isHost(name) {
		return name
	}
	return "localhost"
}

var errForeign = errors.New("not an address of this login")

// recipients are the addresses to try, in order: the one that was asked for, or a random one,
// which a catch-all takes, and then postmaster, which each domain has (RFC 5321 section 4.5.1).
func (p *probe) recipients() ([]string, error) {
	if p.m.grantErr != nil {
		return nil, p.m.grantErr
	}
	domains := p.m.grant.Domains
	if to := p.m.site.To; to != "" {
		if !slices.Contains(domains, grant.Domain(to)) {
			return nil, errForeign
		}
		return []string{to}, nil
	}
	if len(domains) == 0 {
		return nil, errors.New("it holds no domain")
	}
	random := probeLocal + "-" + strings.ToLower(rand.Text()[:8])
	return []string{random + "@" + domains[0], "postmaster@" + domains[0]}, nil
}

// send sends the probe by SMTP or, if nobody listens, by sendmail.
func (p *probe) send(s *site, r *report, recipients []string) (sent bool) {
	conn, err := s.dialFront()
	if err != nil {
		p.to = p.likely(recipients)
		return p.byProgram(s, r)
	}
	defer conn.Close()
	reply, to, err := (&conversation{stream: conn}).submit(s.probeHost(), recipients, p.message)
	p.to = to
	if err != nil {
		r.say("the probe to "+p.to, probeUnsent, err.Error())
	} else if !reply.Accepted() {
		r.say("the probe to "+p.to, probeRefused, reply.String())
	}
	return err == nil && reply.Accepted()
}

// likely is the address that leads to the Maildir, if the mail server can be asked.
func (p *probe) likely(recipients []string) string {
	if p.m.agent() != "postfix" || len(recipients) < 2 {
		return recipients[0]
	}
	rt := &route{site: p.m.site, m: p.m, name: grant.Domain(recipients[0])}
	ask := &postfix{run: p.m.site.tool}
	for _, to := range recipients {
		if leadsHere(rt, ask.resolve(to)) {
			return to
		}
	}
	return recipients[0]
}

// byProgram sends the probe as vodmr-sendmail sends bounces.
func (p *probe) byProgram(s *site, r *report) bool {
	program := cmp.Or(s.service.env["VODMR_SENDMAIL"], s.mailer)
	mailer := sendmail.Mailer{Program: program, Environ: sendmail.Environ(os.Environ()), Folder: os.TempDir(), Timeout: time.Minute, Grace: time.Second}
	message, err1 := pipeOf(p.message(p.to))
	envelope, err2 := pipeOf("F\x00T" + p.to + "\x00\x00")
	if err := errors.Join(err1, err2); r.failed(err, "the probe to "+p.to, probeUnsent) {
		return false
	}
	defer message.Close()
	defer envelope.Close()
	said, err := mailer.Take(int(message.Fd()), int(envelope.Fd()))
	if err != nil {
		r.say("the probe to "+p.to, probeUnsent, "nobody listens on port "+fmt.Sprint(s.smtp)+"; "+strings.TrimSpace(err.Error()+" "+said))
	}
	return err == nil
}

// pipeOf is a pipe that holds a short text and then its end.
func pipeOf(text string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = w.WriteString(text)
	return r, errors.Join(err, w.Close())
}

// message is the probe itself, with lines that end in LF.
func (p *probe) message(to string) string {
	quoted, _ := address.Quote(to)
	return "Date: " + p.began.UTC().Format(time.RFC1123Z) + "\n" +
		"From: \"vodmr-check\" <postmaster@" + p.m.site.probeHost() + ">\n" +
		"To: <" + quoted + ">\n" +
		"Message-ID: <" + p.id + ">\n" +
		"Subject: a probe of the way to this mailbox\n" +
		"Auto-Submitted: auto-generated\n\n" +
		"The mail relay's administrator tried if mail comes this far, and it does.\n" +
		"vodmr-check removes this message; if you read it, you may.\n"
}
