// Package customer is a customer's SMTP server for tests and measurements. It is
// strict: it refuses everything that RFC 5321, 2920 or 3030 forbids a client to do,
// so a sender that breaks the rules does not get its mail through.
package customer

import (
	"bufio"
	"io"
)

// A Server describes how a customer's server behaves. Each func may be nil.
type Server struct {
	Pipelining, Chunking bool
	Offers               []string // further lines of its EHLO reply

	Heard   func(line string)        // receives each command
	Mail    func(from string) string // a refusing reply, or "" to accept
	Rcpt    func(to string) string   // the same
	Content func(from string, to []string) string
	Noop    func() string // a reply to NOOP, or "" for 250
	RcptMax int           // limit of recipients in a transaction; 0 for none
	TooMany string        // reply to recipients beyond RcptMax
	MailMax int           // limit of transactions in a session; 0 for none

	// CloseAfter is the number of messages after which it hangs up; 0 for never. It
	// does not answer the last one, and takes it only if MuteFrom is set.
	CloseAfter int
	// MuteFrom is the first message of a session that it takes without answering, as
	// all that follow; 0 for never.
	MuteFrom int

	// Take receives each message that is answered with 250.
	Take func(from string, to []string, content []byte)
	// Discard throws content away unread if Take does not need it.
	Discard bool

	// Faults that real servers have:
	Obeys     bool   // it takes the octets of a refused BDAT for commands (go-smtp before 0.25.1)
	NoDATA    bool   // it does not know DATA
	Twice     bool   // it gives two replies to BDAT LAST (old SubEthaSMTP)
	HangsUpAt string // a command at which it hangs up
	NoCode    bool   // its replies to MAIL, RCPT and content have no enhanced codes

	// Prompt sends each reply at once, and does not wait for more commands.
	Prompt bool
	// Padding makes each reply longer by so many bytes.
	Padding int
}

// Stats are the numbers of one session.
type Stats struct {
	Messages, Commands int
	Octets             int64 // everything that was read
}

// Serve greets the client and serves one connection until QUIT or its end.
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
