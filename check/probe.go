package check

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"vodmr/internal/address"
	"vodmr/internal/sendmail"
	"vodmr/maildir"
	"vodmr/relay/grant"
	"vodmr/smtp"
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

// probeCheck sends a message through the mail server and finds it in the Maildir.
func probeCheck() check[*site] {
	return check[*site]{"probe", aboutFront, sendProbe, []kind{
		noProbe, probeForeign, probeRefused, probeUnsent, probeLost, probeOdd, probeOther, probeTaken, probeLeft,
	}}
}

// A probe is a message that is looked for.
type probe struct {
	m     *mailbox
	id    string // its Message-ID, without the angle brackets
	to    string // its recipient, raw
	began time.Time
	text  string
}

// sendProbe probes the way of mail to the Maildir of a login.
func sendProbe(s *site, r *report) {
	p := &probe{id: rand.Text() + ".vodmr-probe@" + s.probeHost(), began: time.Now()}
	at := slices.IndexFunc(s.mailboxes, func(m *mailbox) bool { return m.login == s.Probe })
	if at < 0 || !s.mailboxes[at].found() {
		reason := "it has no mailbox"
		if s.usersErr != nil {
			reason = s.usersErr.Error()
		}
		r.say(s.Probe, noProbe, reason)
		return
	}
	p.m = s.mailboxes[at]
	recipients, err := p.recipients()
	if errors.Is(err, errForeign) {
		r.say(s.To, probeForeign, "the login's domains are "+strings.Join(p.m.grant.Domains, ", "))
		return
	}
	if err != nil {
		r.say(s.Probe, noProbe, err.Error())
		return
	}
	if p.send(s, r, recipients) {
		p.await(r)
	}
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
// which a catch-all takes, and then postmaster, whom each domain has (RFC 5321 section 4.5.1).
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
	d := &submission{stream: conn, replies: bufio.NewReader(io.LimitReader(conn, 64<<10))}
	reply, to, err := d.submit(s.probeHost(), recipients, p.message)
	p.to = to
	if err != nil {
		r.say("the probe to "+p.to, probeUnsent, err.Error())
	} else if reply.Code/100 != 2 {
		r.say("the probe to "+p.to, probeRefused, reply.String())
	}
	return err == nil && reply.Code/100 == 2
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
	program := s.service.env["VODMR_SENDMAIL"]
	if program == "" {
		program = s.mailer
	}
	mailer := sendmail.Mailer{Program: program, Environ: sendmail.Environ(os.Environ()), Folder: os.TempDir(), Timeout: time.Minute, Grace: time.Second}
	message, err1 := pipeOf(p.message(p.to))
	envelope, err2 := pipeOf("F\x00T" + p.to + "\x00\x00")
	if err := errors.Join(err1, err2); err != nil {
		r.say("the probe to "+p.to, probeUnsent, err.Error())
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

// await waits for the probe and says how it came.
func (p *probe) await(r *report) {
	subject := "the probe to " + p.to
	_, err := readAs(p.m.user, p.m.home, func() (struct{}, error) {
		box, err := maildir.OpenFor(p.m.home, p.m.site.maildir(), p.m.user.uid)
		if err != nil {
			sayUnopenedMaildir(r, p.m.maildir(), err)
			return struct{}{}, nil
		}
		defer box.Close()
		p.find(box, r, subject)
		return struct{}{}, nil
	})
	if err != nil {
		r.unreadable(p.m.home, err)
	}
}

// find looks for the probe until it is there, or the time is over. A look takes at most a
// fifth of the time, however much mail waits.
func (p *probe) find(box *maildir.Box, r *report, subject string) {
	until := time.Now().Add(p.m.site.patience)
	busy := false
	for {
		began := time.Now()
		found, err := p.look(box)
		if err != nil {
			r.unreadable(p.m.maildir(), err)
			return
		}
		if found != nil {
			defer found.Close()
			p.judge(box, r, subject, found)
			return
		}
		if pid, err := box.Lock.Holder(); err == nil && pid != 0 {
			busy = true
		}
		if time.Now().After(until) {
			break
		}
		time.Sleep(max(4*time.Since(began), 50*time.Millisecond))
	}
	if busy {
		r.say(subject, probeTaken, p.m.maildir()+"/vodmr.lock is held")
	} else {
		r.say(subject, probeLost, fmt.Sprintf("%s, within %v", p.m.maildir(), p.m.site.patience))
	}
}

// clockStep is how far a file's time may lie before the probe's, which is that of a clock that
// counts more finely.
const clockStep = 2

// look looks for the probe among the messages that came since it was sent.
func (p *probe) look(box *maildir.Box) (*maildir.Message, error) {
	list, err := box.Scan(time.Time{})
	if err != nil {
		return nil, err
	}
	defer list.Close()
	for e, ok := list.Next(); ok; e, ok = list.Next() {
		if e.Time < p.began.Unix()-clockStep {
			continue
		}
		m, err := box.OpenMessage(e)
		if err != nil {
			continue // another one's, or gone
		}
		if p.is(m) {
			return m, nil
		}
		m.Close()
	}
	return nil, nil
}

// is reports if a message is the probe.
func (p *probe) is(m *maildir.Message) bool {
	head := make([]byte, maildir.HeadSize)
	n, _ := m.ReadAt(head, 0)
	return bytes.Contains(head[:n], []byte("<"+p.id+">"))
}

// judge compares the probe's envelope with the one that was sent, and removes the probe.
func (p *probe) judge(box *maildir.Box, r *report, subject string, found *maildir.Message) {
	took := time.Since(p.began).Round(time.Millisecond)
	w, err := p.read(found)
	if errors.Is(err, maildir.ErrGone) {
		r.ok(subject, "came within "+took.String()+", and a session took it away")
		return
	}
	quoted, _ := address.Quote(p.to)
	if err != nil {
		r.say(subject, probeOdd, err.Error())
	} else if w.sender != "" || !sameAddress(w.recipient, quoted) {
		r.say(subject, probeOther, "from <"+w.sender+"> to <"+w.recipient+">")
	} else {
		r.ok(subject, "came within "+took.String()+" from <> to <"+w.recipient+">")
	}
	var quota *maildir.QuotaError
	err = box.Remove(found.Entry, found.Size)
	if err != nil && !errors.Is(err, maildir.ErrGone) && !errors.As(err, &quota) {
		r.say(p.m.maildir()+"/"+found.Path(), probeLeft, err.Error())
	}
}

// An envelope is what vodmr-relay reads from a file, in SMTP's form.
type envelope struct{ sender, recipient string }

func (p *probe) read(found *maildir.Message) (envelope, error) {
	box, err := p.m.openSpool()
	if err != nil {
		return envelope{}, err
	}
	defer box.Close()
	w, there := box.Read(found.Entry)
	if !there {
		return envelope{}, maildir.ErrGone
	}
	return envelope{w.Sender, w.Recipient}, w.Err
}

// sameAddress compares addresses as mail servers do that fold their case.
func sameAddress(a, b string) bool { return address.Lower(a) == address.Lower(b) }

// A submission is a conversation in which the probe is sent.
type submission struct {
	stream  io.ReadWriter
	replies *bufio.Reader
}

// submit sends the probe to the first of the recipients that the server takes. The reply is
// the one that decided.
func (d *submission) submit(name string, recipients []string, text func(to string) string) (reply smtp.Reply, to string, err error) {
	to = recipients[0]
	if reply, err = readReply(d.replies); err != nil || reply.Code != 220 {
		return reply, to, err
	}
	for _, line := range []string{"EHLO " + name, "MAIL FROM:<>"} {
		if reply, err = d.say(line); err != nil || reply.Code/100 != 2 {
			return reply, to, err
		}
	}
	refusal := smtp.Reply{}
	for _, to = range recipients {
		quoted, err := address.Quote(to)
		if err != nil {
			return reply, to, err
		}
		if reply, err = d.say("RCPT TO:<" + quoted + ">"); err != nil {
			return reply, to, err
		}
		if reply.Code/100 == 2 {
			return d.content(text(to), to)
		}
		if refusal.Code == 0 {
			refusal = reply
		}
	}
	_, _ = d.say("QUIT")
	return refusal, recipients[0], nil
}

// content sends the message. No line of it begins with a dot.
func (d *submission) content(text, to string) (smtp.Reply, string, error) {
	reply, err := d.say("DATA")
	if err == nil && reply.Code == 354 {
		reply, err = d.say(strings.ReplaceAll(text, "\n", "\r\n") + ".")
	} else if err == nil && reply.Code/100 == 2 {
		err = errReply
	}
	if err == nil {
		_, _ = d.say("QUIT")
	}
	return reply, to, err
}

func (d *submission) say(line string) (smtp.Reply, error) {
	if _, err := io.WriteString(d.stream, line+"\r\n"); err != nil {
		return smtp.Reply{}, err
	}
	return readReply(d.replies)
}
