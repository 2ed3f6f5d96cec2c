package customer

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// A session is one connection to a Server.
type session struct {
	*Server
	in    *bufio.Reader
	out   *bufio.Writer
	stats Stats

	mail     bool // MAIL was accepted
	broken   bool // a BDAT was refused: only RSET helps (RFC 3030 section 2)
	from     string
	to       []string
	content  bytes.Buffer
	chunks   bool
	mails    int
	finished bool
}

func (c *session) serve() error {
	c.say("220 customer.test ESMTP")
	for !c.finished {
		if c.in.Buffered() == 0 {
			if err := c.out.Flush(); err != nil {
				return err
			}
		}
		line, err := c.in.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasSuffix(line, "\r\n") {
			return fmt.Errorf("line %q without CRLF", line)
		}
		c.stats.Commands++
		if err := c.answer(strings.TrimSuffix(line, "\r\n")); err != nil {
			return err
		}
	}
	return c.out.Flush()
}

// say answers. A server that says 421 then closes the connection (RFC 5321 section
// 3.8).
func (c *session) say(reply string) {
	c.finished = c.finished || strings.HasPrefix(reply, "421")
	fmt.Fprintf(c.out, "%s%s\r\n", reply, strings.Repeat(" .", c.Padding/2))
	if c.Prompt {
		_ = c.out.Flush()
	}
}

func (c *session) answer(line string) error {
	if c.Heard != nil {
		c.Heard(line)
	}
	if c.HangsUpAt != "" && line == c.HangsUpAt {
		return io.ErrUnexpectedEOF
	}
	verb, arg, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		c.hello()
	case "HELO":
		c.say("250 ok")
	case "NOOP":
		c.say(c.noopReply())
	case "RSET":
		c.reset()
		c.say(c.code("250 ", "2.0.0 ") + "reset")
	case "MAIL":
		c.say(c.mailReply(arg))
	case "RCPT":
		c.say(c.rcptReply(arg))
	case "DATA":
		return c.data()
	case "BDAT":
		return c.bdat(arg)
	case "QUIT":
		c.say("221 2.0.0 bye")
		c.finished = true
	default:
		c.say("500 5.5.1 unknown")
	}
	return nil
}

func (c *session) hello() {
	lines := append([]string{"customer.test"}, c.Offers...)
	if c.Pipelining {
		lines = append(lines, "PIPELINING")
	}
	if c.Chunking {
		lines = append(lines, "CHUNKING")
	}
	for i, line := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		fmt.Fprintf(c.out, "250%s%s\r\n", sep, line)
	}
}

func (c *session) reset() {
	c.mail, c.broken, c.chunks, c.from, c.to = false, false, false, "", nil
	c.content.Reset()
}

func (c *session) noopReply() string {
	if c.Noop != nil {
		if reply := c.Noop(); reply != "" {
			return reply
		}
	}
	return "250 ok"
}

func (c *session) mailReply(arg string) string {
	path, ok := between(arg, "FROM:<")
	switch {
	case !ok:
		return "501 5.5.4 syntax"
	case c.mail || c.broken:
		return "503 5.5.1 nested MAIL"
	case c.MailMax > 0 && c.mails >= c.MailMax:
		return "421 4.7.0 too many transactions"
	}
	if c.Mail != nil {
		if reply := c.Mail(path); reply != "" {
			return reply
		}
	}
	c.mails++
	c.mail, c.from = true, path
	return c.code("250 ", "2.1.0 ") + "ok"
}

func (c *session) rcptReply(arg string) string {
	path, ok := between(arg, "TO:<")
	switch {
	case !ok:
		return "501 5.5.4 syntax"
	case !c.mail:
		return "503 5.5.1 need MAIL"
	case path == "":
		return "501 5.1.3 an empty address"
	case c.RcptMax > 0 && len(c.to) >= c.RcptMax:
		return c.TooMany
	}
	if c.Rcpt != nil {
		if reply := c.Rcpt(path); reply != "" {
			return reply
		}
	}
	c.to = append(c.to, path)
	return c.code("250 ", "2.1.5 ") + "ok"
}

// code is a reply's code with its enhanced code, if the server gives any.
func (c *session) code(code, enhanced string) string {
	if c.NoCode {
		return code
	}
	return code + enhanced
}

// between returns the text between a prefix and the last >.
func between(arg, prefix string) (string, bool) {
	if len(arg) < len(prefix) || !strings.EqualFold(arg[:len(prefix)], prefix) {
		return "", false
	}
	end := strings.LastIndexByte(arg, '>')
	if end < len(prefix) {
		return "", false
	}
	return arg[len(prefix):end], true
}
