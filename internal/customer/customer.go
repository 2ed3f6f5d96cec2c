// Package customer is a customer's SMTP server for tests and measurements. It
// is strict: what a client may not do by RFC 5321, 2920 or 3030 it refuses, so
// that a sender that takes liberties does not get its mail through.
package customer

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Server is how one customer's server behaves. Each func may be nil.
type Server struct {
	Pipelining, Chunking bool
	Offers               []string // more lines of its EHLO reply

	Mail    func(from string) string // a reply that refuses, or ""
	Rcpt    func(to string) string   // the same
	Content func(from string, to []string) string
	Noop    func() string // a reply to NOOP, or "" for 250
	RcptMax int           // recipients of a transaction; 0 for no limit
	TooMany string        // the reply beyond RcptMax
	MailMax int           // transactions of a session; 0 for no limit

	// CloseAfter is after how many messages of a session it hangs up; 0 for
	// never. The last is not answered, and taken only where MuteFrom is set.
	CloseAfter int
	// MuteFrom is from which message of a session on it takes all and answers
	// nothing; 0 for never.
	MuteFrom int

	// Take gets each message that is answered with 250.
	Take func(from string, to []string, content []byte)
	// Discard throws content away unread where Take needs none of it.
	Discard bool

	// Prompt sends each reply at once, without waiting for more commands.
	Prompt bool
	// Padding makes each reply that much longer, in bytes.
	Padding int
}

// Stats is what a session saw.
type Stats struct {
	Messages, Commands int
	Octets             int64 // all that was read
}

// Serve greets and serves one connection until QUIT or its end.
func (s *Server) Serve(conn io.ReadWriter) (Stats, error) {
	counter := &counter{r: conn}
	c := &session{Server: s, in: bufio.NewReaderSize(counter, 64<<10), out: bufio.NewWriter(conn)}
	err := c.serve()
	c.stats.Octets = counter.n
	return c.stats, err
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

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

// say answers. Whoever says 421 hangs up (RFC 5321 section 3.8).
func (c *session) say(reply string) {
	c.finished = c.finished || strings.HasPrefix(reply, "421")
	fmt.Fprintf(c.out, "%s%s\r\n", reply, strings.Repeat(" .", c.Padding/2))
	if c.Prompt {
		_ = c.out.Flush()
	}
}

func (c *session) answer(line string) error {
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
		c.say("250 2.0.0 reset")
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
	return "250 2.1.0 ok"
}

func (c *session) rcptReply(arg string) string {
	path, ok := between(arg, "TO:<")
	switch {
	case !ok:
		return "501 5.5.4 syntax"
	case !c.mail:
		return "503 5.5.1 need MAIL"
	case c.RcptMax > 0 && len(c.to) >= c.RcptMax:
		return c.TooMany
	}
	if c.Rcpt != nil {
		if reply := c.Rcpt(path); reply != "" {
			return reply
		}
	}
	c.to = append(c.to, path)
	return "250 2.1.5 ok"
}

// between returns what stands between a prefix and the last >.
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

// data reads content up to the dot, CRLF and all.
func (c *session) data() error {
	if len(c.to) == 0 || c.chunks {
		c.say("554 5.5.1 no valid recipients")
		return nil
	}
	if c.Pipelining && c.in.Buffered() > 0 {
		return fmt.Errorf("content was sent before 354")
	}
	c.say("354 go")
	if err := c.out.Flush(); err != nil {
		return err
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			c.keep(line)
			continue
		}
		if err != nil {
			return err
		}
		if string(line) == ".\r\n" {
			return c.end()
		}
		c.keep(bytes.TrimPrefix(line, []byte(".")))
	}
}

func (c *session) keep(b []byte) {
	if !c.Discard {
		c.content.Write(b)
	}
}

// bdat reads a chunk, whatever it then answers (RFC 3030 section 2).
func (c *session) bdat(arg string) error {
	size, last, err := parseBDAT(arg)
	if err != nil {
		return err
	}
	if c.Discard {
		if _, err := c.in.Discard(size); err != nil {
			return err
		}
	} else if _, err := io.CopyN(&c.content, c.in, int64(size)); err != nil {
		return err
	}
	if len(c.to) == 0 || c.broken {
		c.broken = true
		c.say("554 5.5.1 no valid recipients")
		return nil
	}
	c.chunks = true
	if !last {
		c.say("250 2.0.0 go on")
		return nil
	}
	return c.end()
}

func parseBDAT(arg string) (size int, last bool, err error) {
	words := strings.Fields(arg)
	if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "LAST" {
		return 0, false, fmt.Errorf("BDAT %q", arg)
	}
	size, err = strconv.Atoi(words[0])
	return size, len(words) == 2, err
}

// end answers the whole content.
func (c *session) end() error {
	from, to, content := c.from, c.to, bytes.Clone(c.content.Bytes())
	c.reset()
	if c.Content != nil {
		if reply := c.Content(from, to); reply != "" {
			c.say(reply)
			return nil
		}
	}
	c.stats.Messages++
	if c.MuteFrom > 0 && c.stats.Messages == c.MuteFrom {
		_ = c.out.Flush()
		c.out.Reset(io.Discard)
	}
	closing := c.CloseAfter > 0 && c.stats.Messages >= c.CloseAfter
	if c.Take != nil && (!closing || c.MuteFrom > 0) {
		c.Take(from, to, content)
	}
	if closing {
		_ = c.out.Flush()
		return io.ErrClosedPipe
	}
	c.say("250 2.0.0 taken")
	return nil
}
