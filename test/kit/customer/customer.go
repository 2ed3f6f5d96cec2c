// Package customer is a customer's SMTP server for tests and measurements. It
// is strict: what a client may not do by RFC 5321, 2920 or 3030 it refuses, so
// that a sender that takes liberties does not get its mail through.
package customer

import (
	"bufio"
	"io"
)

// A Server is how one customer's server behaves. Each func may be nil.
type Server struct {
	Pipelining, Chunking bool
	Offers               []string // more lines of its EHLO reply

	Heard   func(line string)        // learns of each command
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

	// Faults that real servers have:
	Obeys     bool   // it does not read the octets of a BDAT that it refuses: they are commands (go-smtp before 0.25.1)
	NoDATA    bool   // it knows no DATA
	Twice     bool   // it gives two replies to BDAT LAST (old SubEthaSMTP)
	HangsUpAt string // a command at which it hangs up
	NoCode    bool   // its replies to MAIL, RCPT and content have no enhanced codes

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
