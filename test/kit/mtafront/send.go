package mtafront

import (
	"fmt"
	"net/textproto"
	"strings"
)

// A Mail is one message that a sender's server hands to a front.
type Mail struct {
	From    string // as in SMTP, without <>
	To      []string
	Content string // lines end in LF
	// UTF8 asks for SMTPUTF8 (RFC 6531).
	UTF8 bool
}

// Send hands a message to the SMTP server on a port of 127.0.0.1. The replies are those
// to each recipient, and that to the content if one recipient was accepted. The error is
// that of the connection, or of a MAIL that was refused.
func Send(port string, m Mail) (replies []string, err error) {
	conn, err := textproto.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c := &client{conn}
	defer func() { _ = c.PrintfLine("QUIT") }()
	if _, err := c.hears(2); err != nil {
		return nil, err
	}
	offers, err := c.asks(2, "EHLO client.sender.test")
	if err != nil {
		return nil, err
	}
	if _, err := c.asks(2, "MAIL FROM:<%s>%s", m.From, m.parameters(offers)); err != nil {
		return nil, err
	}
	return c.rest(m)
}

// parameters are those of MAIL, as far as the server offers them.
func (m Mail) parameters(offers string) string {
	words := ""
	if strings.Contains(offers, "8BITMIME") {
		words += " BODY=8BITMIME"
	}
	if m.UTF8 && strings.Contains(offers, "SMTPUTF8") {
		words += " SMTPUTF8"
	}
	return words
}

type client struct{ *textproto.Conn }

// hears reads a reply; one that does not begin with the digit is an error.
func (c *client) hears(digit int) (string, error) {
	code, text, err := c.ReadResponse(0)
	if err == nil && code/100 != digit {
		err = fmt.Errorf("the reply is %d %s", code, text)
	}
	return fmt.Sprint(code, " ", text), err
}

func (c *client) asks(digit int, format string, args ...any) (string, error) {
	if err := c.PrintfLine(format, args...); err != nil {
		return "", err
	}
	reply, err := c.hears(digit)
	if err != nil {
		return "", fmt.Errorf(format+": %w", append(args, err)...)
	}
	return reply, nil
}

// rest sends the recipients and the content.
func (c *client) rest(m Mail) (replies []string, err error) {
	accepted := 0
	for _, to := range m.To {
		if err := c.PrintfLine("RCPT TO:<%s>", to); err != nil {
			return nil, err
		}
		code, text, err := c.ReadResponse(0)
		if err != nil {
			return nil, err
		}
		if code == 250 {
			accepted++
		}
		replies = append(replies, fmt.Sprint(code, " ", text))
	}
	if accepted == 0 {
		return replies, nil
	}
	if _, err := c.asks(3, "DATA"); err != nil {
		return nil, err
	}
	dots := c.DotWriter()
	if _, err := dots.Write([]byte(m.Content)); err != nil {
		return nil, err
	}
	if err := dots.Close(); err != nil {
		return nil, err
	}
	reply, err := c.hears(2)
	return append(replies, reply), err
}
