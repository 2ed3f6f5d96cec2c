package check

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"vodmr/internal/address"
	"vodmr/smtp"
)

// A conversation is one with an SMTP server.
type conversation struct {
	stream io.ReadWriter
	parser smtp.ReplyParser
}

// greet hears a server's greeting, and leaves.
func greet(stream io.ReadWriter) (smtp.Reply, error) {
	greeting, err := (&conversation{stream: stream}).hear()
	_, _ = io.WriteString(stream, "QUIT\r\n")
	return greeting, err
}

func (d *conversation) say(line string) (smtp.Reply, error) {
	if _, err := io.WriteString(d.stream, line+"\r\n"); err != nil {
		return smtp.Reply{}, err
	}
	return d.hear()
}

// hear waits for the next reply.
func (d *conversation) hear() (smtp.Reply, error) {
	buf := make([]byte, 4096)
	for {
		if reply, ok, err := d.parser.Next(); ok || err != nil {
			return reply, err
		}
		n, err := d.stream.Read(buf)
		d.parser.Feed(buf[:n])
		if n == 0 && err == io.EOF && !d.parser.Partial() {
			return smtp.Reply{}, errors.New("it hung up")
		}
		if n == 0 && err != nil {
			return smtp.Reply{}, fmt.Errorf("%w: %w", smtp.ErrNotSMTP, err)
		}
	}
}

// submit sends the probe to the first of the recipients that the server takes. The reply is
// the one that decided.
func (d *conversation) submit(name string, recipients []string, text func(to string) string) (reply smtp.Reply, to string, err error) {
	to = recipients[0]
	if reply, err = d.hear(); err != nil || reply.Code != 220 {
		return reply, to, err
	}
	for _, line := range []string{"EHLO " + name, "MAIL FROM:<>"} {
		if reply, err = d.say(line); err != nil || !reply.Accepted() {
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
		if reply.Accepted() {
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
func (d *conversation) content(text, to string) (smtp.Reply, string, error) {
	reply, err := d.say("DATA")
	if err == nil && reply.Code == 354 {
		reply, err = d.say(strings.ReplaceAll(text, "\n", "\r\n") + ".")
	} else if err == nil && reply.Accepted() {
		err = smtp.ErrNotSMTP
	}
	if err == nil {
		_, _ = d.say("QUIT")
	}
	return reply, to, err
}
