package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodmr/smtp"
)

// A receiver takes messages for good.
type receiver interface {
	// InPlace returns an error if what is open is no longer where the mailbox is.
	InPlace() error
	// Room returns an error if so many bytes more would take the last of the
	// disk.
	Room(bytes int64) error
	// Begin starts a message. Its sender (as in MAIL) and recipients (raw) are
	// known; head stands above the content.
	Begin(sender string, recipients []string, head string) (delivery, error)
	Close()
}

// A delivery is one message on its way into a mailbox.
type delivery interface {
	io.Writer
	// Commit returns nil once the message can no longer be lost. After an
	// error nothing of it is left.
	Commit() error
	Abort()
}

// receiving is a Maildir that is ready for one session, as an SMTP server on the turned
// connection (RFC 5321).
type receiving struct {
	Maildir
	box      receiver
	server   *smtp.Server
	stream   *stoppable
	peer     string      // the provider's address
	standing bool        // waiting for mail is what the session is for
	left     func() bool // the session ends, as nothing more waits
	deadline time.Time   // when content must have come on
	fresh    int         // bytes of content since deadline was set
	warned   string      // the last warning
	helo     string
	esmtp    bool
	buf      []byte
	text     []byte
	transaction
}

// A transaction is what RSET forgets.
type transaction struct {
	open       bool // MAIL was accepted
	sender     path
	utf8       bool
	recipients []string
	delivery   delivery   // once content has begun
	announced  int64      // what MAIL said about size; 0 for nothing
	size       int64      // of the content, as sent
	failed     smtp.Reply // why the content is not taken; code 0 for none
	spoilt     bool       // a chunk was refused, RSET must come
}

// maxRecipients of one message: ten times what RFC 5321 section 4.5.3.1.8 asks.
const maxRecipients = 1000

// serve runs the session. Its error is a Failure.
func (r *receiving) serve(ctx context.Context) error {
	release := r.stream.watch()
	defer release()
	r.server = smtp.NewServer(r.stream)
	if r.standing {
		r.server.Idle = r.Idle
	}
	r.progress()
	r.server.Commands = r.commands()
	r.server.Say(smtp.NewReply(220, "", r.Host+" ESMTP"))
	err := r.server.Serve()
	r.reset()
	var reply smtp.Reply
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrStopped):
		r.server.Say(smtp.NewReply(421, "4.3.2", "stopping, come back later"))
		_ = r.server.Flush()
		return stopped()
	case errors.As(err, &reply):
		return later(reply, "ended the session with the provider")
	case errors.Is(err, io.EOF):
		return later(nil, "the provider hung up before it was done")
	}
	return later(err, "the connection to the provider broke")
}

// progress gives the provider its time anew. In a session that is not to stand
// commands alone do not: they could come for ever.
func (r *receiving) progress() {
	if r.Idle <= 0 {
		return
	}
	r.fresh, r.deadline = 0, time.Now().Add(r.Idle)
	if !r.standing {
		r.server.Until = r.deadline
	}
}

func (r *receiving) commands() map[string]smtp.Command {
	return map[string]smtp.Command{
		"EHLO": r.ehlo,
		"HELO": r.heloOnly,
		"MAIL": r.mail,
		"RCPT": r.rcpt,
		"DATA": r.dataCommand,
		"BDAT": r.bdat,
		"RSET": func(string) (smtp.Reply, error) { r.reset(); return smtp.ReplyOK(), nil },
		"NOOP": r.noop,
		"VRFY": smtp.Always(smtp.NewReply(252, "2.1.5", "send some mail, it will be taken")),
		"HELP": smtp.Always(smtp.NewReply(214, "2.0.0", "this is atrn, RFC 5321 and RFC 2645")),
		"QUIT": smtp.Quit(r.Host),
	}
}

func (r *receiving) ehlo(arg string) (smtp.Reply, error) {
	reply, err := r.heloOnly(arg)
	if !reply.Accepted() {
		return reply, err
	}
	r.esmtp = true
	size := "SIZE"
	if r.Limit > 0 {
		size += " " + strconv.FormatInt(r.Limit, 10)
	}
	return smtp.Reply{Code: 250, Lines: []string{
		r.Host, "PIPELINING", size, "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES",
	}}, nil
}

func (r *receiving) heloOnly(arg string) (smtp.Reply, error) {
	if arg == "" {
		return smtp.ReplyBadArgument("EHLO and HELO need your host name"), nil
	}
	r.reset()
	r.helo, r.esmtp = arg, false
	return smtp.NewReply(250, "", r.Host), nil
}

func (r *receiving) mail(arg string) (smtp.Reply, error) {
	if r.open {
		return smtp.ReplyBadSequence("one sender a message: RSET first"), nil
	}
	sender, params, reply := envelopeArgs(arg, "FROM:")
	if reply.Code != 0 {
		return reply, nil
	}
	size, utf8, reply := r.mailParams(params)
	if reply.Code != 0 {
		return reply, nil
	}
	if sender.international() && !utf8 {
		return replyNeedsUTF8(), nil
	}
	if err := r.box.InPlace(); err != nil {
		_ = r.refusal(fmt.Errorf("%w: if the next session cannot open it, start atrn again", err))
		moved := smtp.NewReply(421, "4.3.0", "the mailbox is elsewhere now or cannot be looked at, come back later")
		return moved, moved
	}
	if err := r.box.Room(size); err != nil {
		return r.refusal(err), nil
	}
	r.reset()
	r.open, r.sender, r.utf8, r.announced = true, sender, utf8, size
	return smtp.NewReply(250, "2.1.0", "ok"), nil
}

func (r *receiving) rcpt(arg string) (smtp.Reply, error) {
	if !r.open || r.spoilt || r.delivery != nil {
		return smtp.ReplyBadSequence("MAIL first"), nil
	}
	recipient, params, reply := envelopeArgs(arg, "TO:")
	switch {
	case reply.Code != 0:
		return reply, nil
	case len(params) > 0:
		return replyUnknownParameter(params[0]), nil
	case recipient.international() && !r.utf8:
		return replyNeedsUTF8(), nil
	case !isOneOf(recipient, r.Domains):
		return replyNotHere(), nil
	case len(r.recipients) >= maxRecipients:
		return smtp.NewReply(452, "4.5.3", "too many recipients, send the rest apart"), nil
	}
	r.recipients = append(r.recipients, recipient.address())
	return smtp.NewReply(250, "2.1.5", "ok"), nil
}

// isOneOf reports if a recipient is of one of the domains, or if there are none.
// Postmaster needs no domain (RFC 5321 section 4.1.1.3).
func isOneOf(recipient path, domains []string) bool {
	if recipient.domain == "" {
		return strings.EqualFold(recipient.local, "postmaster")
	}
	same := func(domain string) bool { return strings.EqualFold(domain, recipient.domain) }
	return len(domains) == 0 || slices.ContainsFunc(domains, same)
}

// envelopeArgs takes the argument of MAIL or RCPT apart. A reply with code 0
// means that it could.
func envelopeArgs(arg, keyword string) (p path, params []string, reply smtp.Reply) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return p, nil, smtp.ReplyBadArgument("expected " + keyword + "<address>")
	}
	p, rest, err := parsePath(strings.TrimLeft(arg[len(keyword):], " "))
	if err != nil {
		return p, nil, smtp.NewReply(501, "5.1.3", err.Error())
	}
	return p, strings.Fields(rest), smtp.Reply{}
}

// mailParams checks MAIL's parameters (RFC 1870, RFC 6152, RFC 6531).
func (r *receiving) mailParams(params []string) (size int64, utf8 bool, reply smtp.Reply) {
	for _, param := range params {
		name, value, _ := strings.Cut(strings.ToUpper(param), "=")
		switch {
		case name == "SIZE":
			n, err := strconv.ParseUint(value, 10, 63)
			if err != nil {
				return 0, false, smtp.ReplyBadArgument("SIZE takes a number")
			}
			if size = int64(n); r.Limit > 0 && size > r.Limit {
				return 0, false, replyTooBig()
			}
		case name == "BODY" && (value == "7BIT" || value == "8BITMIME"):
		case param == "SMTPUTF8" || name == "SMTPUTF8" && value == "":
			utf8 = true
		default:
			return 0, false, replyUnknownParameter(param)
		}
	}
	return size, utf8, smtp.Reply{}
}

// noop ends a session that is not to stand if nothing more waits.
func (r *receiving) noop(string) (smtp.Reply, error) {
	if r.left() {
		return replyNothingMore(), smtp.ErrQuit
	}
	return smtp.ReplyOK(), nil
}

// reset forgets the transaction and what was received of it.
func (r *receiving) reset() {
	if r.delivery != nil {
		r.delivery.Abort()
	}
	r.transaction = transaction{}
}
