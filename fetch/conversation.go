package fetch

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"vodmr/smtp"
)

// Timings are the longest waits for the provider.
type Timings struct {
	Greeting time.Duration // for 220
	TLS      time.Duration // for the handshake
	Reply    time.Duration // for replies during the login
	ATRN     time.Duration // for ATRN's: at least 10 minutes (RFC 2645 section 5.2.1)
}

// DefaultTimings are RFC 2645's, and RFC 5321's (section 4.5.3.2).
func DefaultTimings() Timings {
	return Timings{
		Greeting: 5 * time.Minute,
		TLS:      time.Minute,
		Reply:    5 * time.Minute,
		ATRN:     15 * time.Minute,
	}
}

// A conversation is the connection while the provider still answers.
type conversation struct {
	conn    net.Conn
	unread  []byte // read from conn, not yet part of a reply
	parser  smtp.ReplyParser
	timings Timings
	closed  bool // the provider hears no more
	// heard is whether any byte came, and closedByPeer whether the provider hung up.
	heard, closedByPeer bool
	// verified is whether TLS makes sure who the provider is.
	verified bool
	// key is the one that TLS shows if the provider asks; nil for none.
	key      *Key
	waiting  count // in the reply to ATRN
	dialogue func(line string)
	secrets  []string // never shown, nor told in an error
}

// hidden stands for a secret.
const hidden = "********"

// show tells of a line of the dialogue.
func (d *conversation) show(from, line string) {
	if d.dialogue != nil {
		d.dialogue(from + " " + d.blackOut(line))
	}
}

// blackOut replaces all secrets. A provider may repeat what it got in its reply.
func (d *conversation) blackOut(text string) string {
	for _, secret := range d.secrets {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	return text
}

// shown shows a reply, and takes secrets out of it. What follows 334 is part of a login.
func (d *conversation) shown(r smtp.Reply) smtp.Reply {
	for i, line := range r.Lines {
		if r.Code == 334 {
			line = hidden
		} else {
			r.Lines[i] = d.blackOut(line)
		}
		between := " "
		if i < len(r.Lines)-1 {
			between = "-"
		}
		if r.Enhanced != "" {
			line = r.Enhanced + " " + line
		}
		d.show("<", strconv.Itoa(r.Code)+between+line)
	}
	return r
}

// command sends one line and returns the reply. The error is a Failure; 421
// (RFC 5321 section 3.8) is one.
func (d *conversation) command(line, what string, wait time.Duration) (smtp.Reply, error) {
	d.show(">", line)
	_ = d.conn.SetDeadline(time.Now().Add(wait))
	if _, err := io.WriteString(d.conn, line+"\r\n"); err != nil {
		d.closed = true
		return d.lastWord(what, err)
	}
	return d.reply(what, wait)
}

// lastWord is what the provider said before it hung up, which may be why, or that the
// connection broke.
func (d *conversation) lastWord(what string, broke error) (smtp.Reply, error) {
	_ = d.conn.SetReadDeadline(time.Now().Add(time.Second))
	r, err := d.next(what)
	if err == nil || errors.As(err, new(smtp.Reply)) {
		return r, err
	}
	return r, later(broke, "the connection to the provider broke before %s", what)
}

// reply waits for the next reply.
func (d *conversation) reply(what string, wait time.Duration) (smtp.Reply, error) {
	_ = d.conn.SetDeadline(time.Now().Add(wait))
	r, err := d.next(what)
	if err != nil {
		d.closed = true
	}
	return r, err
}

func (d *conversation) next(what string) (smtp.Reply, error) {
	for {
		r, ok, err := d.parser.Next()
		switch {
		case err != nil:
			return r, later(err, "what answers in place of %s is no ODMR provider", what)
		case ok && r.Closing():
			r = d.shown(r)
			return r, later(r, "the provider closes the session: try again later")
		case ok:
			return d.shown(r), nil
		}
		if err := d.feed(); err != nil {
			return r, d.broken(err, what)
		}
	}
}

// feed gives the parser one line at most: what follows the reply to ATRN belongs
// to the turned connection, and the parser would not give it back.
func (d *conversation) feed() error {
	if len(d.unread) == 0 {
		buf := make([]byte, 4096)
		n, err := d.conn.Read(buf)
		d.heard = d.heard || n > 0
		if n == 0 && err != nil {
			d.closedByPeer = hungUp(err)
			return err
		}
		d.unread = buf[:n]
	}
	n := len(d.unread)
	if i := bytes.IndexByte(d.unread, '\n'); i >= 0 {
		n = i + 1
	}
	d.parser.Feed(d.unread[:n])
	d.unread = d.unread[n:]
	return nil
}

func (d *conversation) broken(err error, what string) error {
	if d.key != nil && isAlert(err) { // TLS 1.3 looks at it after the client's handshake
		return (&TLS{Key: d.key}).keyRejected(err)
	}
	var timeout net.Error
	if errors.Is(err, io.EOF) {
		return later(nil, "the provider hung up before %s", what)
	}
	if errors.As(err, &timeout) && timeout.Timeout() {
		return later(nil, "the provider did not send %s in time", what)
	}
	return later(err, "the connection to the provider broke before %s", what)
}

// quitTime bounds the politeness of a QUIT.
const quitTime = 10 * time.Second

// quit takes leave of a provider that did not turn the connection.
func (d *conversation) quit() {
	if d.closed {
		return
	}
	_, _ = d.command("QUIT", "the reply to QUIT", quitTime)
}
