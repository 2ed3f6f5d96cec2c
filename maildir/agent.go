package maildir

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
)

// An Agent is the program that fills a Maildir: the delivery agent of some mail server. It
// writes lines of its own above the message, and only these tell sender and recipient. The
// zero value is qmail.
type Agent struct {
	name     string
	lines    []ownLine
	requeues bool // see parser.cutRequeued
}

// An ownLine is a line that an agent writes above a message.
type ownLine struct {
	field     string // with its colon
	sender    bool   // it tells the sender
	recipient bool   // it tells the recipient; of two such lines, the upper one counts
	optional  bool   // the agent may leave it out; a sender that is left out is the null sender
	hint      string // what to do if it is missing
}

const (
	postfixHint = "leave file in prepend_delivered_header of Postfix"
	eximHint    = "set return_path_add, envelope_to_add and delivery_date_add in the transport of Exim"
	// Dovecot's LMTP server writes no Delivered-To if one transaction has several recipients.
	dovecotHint = "give Dovecot each recipient in a transaction of its own (Postfix: lmtp_destination_recipient_limit = 1; Exim: max_rcpt = 1)"
)

// agents is the table of all agents: which lines each of them writes, in which order, and
// what they tell. It was read in their sources. All but qmail write their lines from the
// first byte of the file on, with nothing in between, and the recipient as in SMTP: a
// local part in quotes stands for the text within (RFC 5321 section 4.1.2).
//
//	postfix    virtual(8), local(8). With an alias or a catch-all, Delivered-To is the mailbox
//	           and X-Original-To the address that was asked for.
//	           enable_original_recipient = no leaves X-Original-To out.
//	exim       appendfile with maildir_format and the three _add options
//	opensmtpd  a message from the null sender has no Return-Path
//	dovecot    LMTP
//	courier    courierlocal
func agents() []Agent {
	from := ownLine{field: returnPath, sender: true}
	to := ownLine{field: deliveredTo, recipient: true}
	return []Agent{
		{name: qmail, lines: []ownLine{from, to}}, // or the other way round; see parser.top
		{name: "postfix", requeues: true, lines: []ownLine{
			from,
			{field: "X-Original-To:", recipient: true, optional: true},
			to.orDo(postfixHint),
		}},
		{name: "exim", lines: []ownLine{
			from.orDo(eximHint),
			{field: envelopeTo, recipient: true, hint: eximHint},
			{field: "Delivery-date:", optional: true},
		}},
		{name: "opensmtpd", lines: []ownLine{{field: returnPath, sender: true, optional: true}, to}},
		{name: "dovecot", lines: []ownLine{from, to.orDo(dovecotHint)}},
		{name: "courier", lines: []ownLine{to, from}},
	}
}

const (
	qmail      = "qmail"
	envelopeTo = "Envelope-to:"
)

func (l ownLine) orDo(hint string) ownLine {
	l.hint = hint
	return l
}

// AgentNamed returns the agent that VODMR_MTA names; "" is qmail. The error lists all names.
func AgentNamed(name string) (Agent, error) {
	for _, a := range agents() {
		if a.name == name || name == "" {
			return a, nil
		}
	}
	return Agent{}, fmt.Errorf("VODMR_MTA is %q: it must be one of %s", name, strings.Join(AgentNames(), ", "))
}

// AgentNames are the values of VODMR_MTA.
func AgentNames() (names []string) {
	for _, a := range agents() {
		names = append(names, a.name)
	}
	return names
}

// Name returns the agent's name, as VODMR_MTA has it.
func (a Agent) Name() string {
	if a.name == "" {
		return qmail
	}
	return a.name
}

// IsQmail reports if qmail-local or vdelivermail fills the Maildir.
func (a Agent) IsQmail() bool { return a.Name() == qmail }

// ParseEnvelope reads the envelope from the first bytes of a message: HeadSize of them, or
// all of it (complete). The error is ErrNoEnvelope.
//
// Only lines that the agent wrote are believed. Qmail's stand above the first Received, in
// either order. All others' are the first lines of the file, each once and in the agent's
// order; what follows them may be the sender's, even if it looks the same. A header
// without a Received is not believed at all: the server that accepts mail writes one above
// all that the sender wrote, and without one nobody can tell where the sender's text begins.
// The catchall is qmail's too.
func (a Agent) ParseEnvelope(head []byte, complete bool, catchall Catchall) (Envelope, error) {
	p := parser{lines: lines{head: head, complete: complete}}
	err := p.envelope(a, catchall)
	if err != nil {
		return Envelope{}, err
	}
	return p.env, nil
}

func (p *parser) envelope(a Agent, catchall Catchall) error {
	if a.IsQmail() {
		return p.qmail(catchall)
	}
	for _, line := range a.lines {
		if err := p.takeOwn(a, line); err != nil {
			return err
		}
	}
	if a.requeues {
		p.cutRequeued()
	}
	if p.env.Received = p.hasReceived(); !p.env.Received {
		return fmt.Errorf("%w: the header has no Received, so nobody can tell the lines of %s from the sender's: let the mail server write it", ErrNoEnvelope, a.name)
	}
	return nil
}

// takeOwn takes a line of the agent's if it is the next one.
func (p *parser) takeOwn(a Agent, line ownLine) error {
	l := p.peek()
	if !l.is(line.field) {
		return line.missing(a)
	}
	p.next()
	p.env.Cut = append(p.env.Cut, l.span)
	folded, value := p.peek().isFolded(), l.value(line.field)
	switch {
	case line.field == envelopeTo && (folded || severalAddresses(value)):
		return fmt.Errorf("%w: Envelope-to names several addresses: set batch_max = 1 in the transport of Exim, and send no two addresses to one by an alias", ErrNoEnvelope)
	case folded:
		return fmt.Errorf("%w: %s is folded, which %s never does", ErrNoEnvelope, line.name(), a.name)
	}
	return p.understand(line, value)
}

// cutRequeued takes out a line that Postfix's local(8) writes if it forwards mail that it does
// not deliver itself (luser_relay, an alias, .forward): a Delivered-To with the address that
// it had before, between the Received of its own new message, which names no client, and
// the next Received. The customer's mail server would take it for a loop. The line tells
// nothing here.
func (p *parser) cutRequeued() {
	following := p.lines
	l, ok := following.next()
	if !ok || !l.is("Received: by ") || !bytes.HasSuffix(l.text, []byte(")")) || bytes.Contains(l.text, []byte(", from userid ")) {
		return
	}
	for following.peek().isFolded() {
		following.next()
	}
	if l = following.peek(); !l.is(deliveredTo) {
		return
	}
	following.next()
	if following.peek().is(received) {
		p.env.Cut = append(p.env.Cut, l.span)
	}
}

// understand takes what a line tells.
func (p *parser) understand(line ownLine, value string) (err error) {
	if line.sender {
		p.env.Sender, p.env.Double, err = reversePath(value)
	}
	if line.recipient && !p.rcpt {
		p.rcpt = true
		p.env.Recipient, err = forwardPath(line.name(), value)
	}
	return err
}

func (l ownLine) name() string { return strings.TrimSuffix(l.field, ":") }

// missing is the error if a line is not there, and nil if it need not be.
func (l ownLine) missing(a Agent) error {
	if l.optional {
		return nil
	}
	do := cmp.Or(l.hint, "see if VODMR_MTA is right")
	return fmt.Errorf("%w: %s is not where %s writes it, on top of the file: %s", ErrNoEnvelope, l.name(), a.name, do)
}
