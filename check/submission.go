package check

import (
	"bufio"
	"io"
	"strings"

	"vodmr/internal/address"
	"vodmr/smtp"
)

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
