package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"vodmr/internal/address"
	"vodmr/smtp"
)

// A Session is one visit at a provider, to be made again and again.
type Session struct {
	Provider Provider
	TLS      TLS
	Login    Login
	Domains  []string // to ask for; none for all that the login has
	Sink     Sink
	Host     string // our name in EHLO; "" for our address
	Timings  Timings
	// Silence is how long the provider may say nothing in a standing session, not even
	// NOOP; 0 if the session is to end once no mail is left.
	Silence time.Duration
	// Quiet is after how long without mail a standing session is ended from here; 0 for
	// never.
	Quiet time.Duration
	// Dialogue hears the lines up to the turn, without secrets; nil for nobody.
	Dialogue func(line string)
	// Message hears of each message that was taken or refused; nil for nobody.
	Message func(Message)
	// Metrics are kept by who makes the visits; nil for none.
	Metrics *Metrics
}

// A Sink is who receives the mail here.
type Sink interface {
	// Open makes sure, as far as it can without calling anybody, that mail could be
	// received, before the provider is asked for any. The error is a Failure.
	Open(ctx context.Context) (Receiver, error)
}

// A Receiver is a Sink that is ready for one session.
type Receiver interface {
	// Receive answers the provider's commands until the session's end, and
	// counts as it goes. Once ctx is done it takes no more, but still sends
	// what it owes. The error is a Failure; nil means that the provider said
	// QUIT.
	Receive(ctx context.Context, provider *Turned, tally *Tally) error
	// Close releases what Open took.
	Close()
}

// Run makes one visit. Of its errors ExitCode knows the exit code. tally counts
// what came, even if the error is not nil.
func (s *Session) Run(ctx context.Context, tally *Tally) error {
	receiver, err := s.Sink.Open(ctx)
	if err != nil {
		return err
	}
	defer receiver.Close()
	conn, err := s.Provider.Connect(ctx)
	if err != nil {
		return s.why(ctx, nil, err)
	}
	defer conn.Close()
	turned, err := s.ask(ctx, conn)
	if errors.Is(err, errNothingWaits) {
		return nil
	}
	if err != nil {
		return s.why(ctx, conn, err)
	}
	defer turned.Close()
	turned.silence = s.Silence
	tally.expect(turned.waiting)
	tally.each = s.Message
	tally.turn()
	quiet, stop := s.untilQuiet(ctx, tally)
	defer stop()
	err = receiver.Receive(quiet, turned, tally)
	if errors.Is(err, ErrStopped) && context.Cause(quiet) == errQuiet || tally.left() {
		tally.hinder(smtp.Reply{}) // the 421 was said from here
	} else if err != nil {
		return s.why(ctx, conn, err)
	}
	return verdict(tally.Now())
}

// ask logs in and says ATRN. Until the connection has turned, a signal just
// closes it.
func (s *Session) ask(ctx context.Context, conn net.Conn) (*Turned, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	d := &conversation{conn: conn, timings: s.Timings, dialogue: s.Dialogue}
	if err := s.talk(d); err != nil {
		d.quit()
		_ = d.conn.Close()
		return nil, err
	}
	return &Turned{Conn: d.conn, early: d.unread, waiting: d.waiting}, nil
}

// talk goes from the greeting to the turn.
func (s *Session) talk(d *conversation) error {
	ehlo, err := s.open(d)
	if err != nil {
		return err
	}
	login := d.logIn
	if s.TLS.Key != nil {
		login = d.external
	}
	if err := login(s.Login, ehlo); err != nil {
		return err
	}
	return d.turn(s.Domains)
}

// open goes up to the EHLO lines, those under TLS if there is TLS.
func (s *Session) open(d *conversation) ([]string, error) {
	if s.TLS.Mode == OnConnect {
		if err := d.encrypt(&s.TLS); err != nil {
			return nil, err
		}
	}
	if err := d.greeting(); err != nil {
		return nil, err
	}
	ehlo, err := d.hello(s.host(d.conn))
	if err != nil || s.TLS.Mode == OnConnect || s.TLS.Mode == NoTLS {
		return ehlo, err
	}
	if !offers(ehlo, "STARTTLS", "") {
		return ehlo, s.TLS.notOffered()
	}
	if started, err := d.startTLS(&s.TLS); err != nil || !started {
		return ehlo, err
	}
	return d.hello(s.host(d.conn))
}

// host is our name in EHLO: an address if the system's own name would be no
// domain (RFC 5321 section 4.1.3).
func (s *Session) host(conn net.Conn) string {
	if address.IsDomain(s.Host, false) {
		return s.Host
	}
	ip, _ := addrPort(conn.LocalAddr())
	if ip == "" {
		return "localhost"
	}
	if strings.Contains(ip, ":") {
		return "[IPv6:" + ip + "]"
	}
	return "[" + ip + "]"
}

// why names a signal as the reason if there was one, and adds how a command
// in the provider's place ended.
func (s *Session) why(ctx context.Context, conn net.Conn, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return stopped()
	}
	if c, ok := conn.(interface{ Status() string }); ok {
		status := c.Status()
		if f, is := errors.AsType[*Failure](err); is && status != "" {
			return &Failure{f.Exit, fmt.Sprintf("%s (%s)", f.Text, status), f.Err}
		}
	}
	return err
}

// Hostname is the system's name, "" if it has none.
func Hostname() string {
	name, _ := os.Hostname()
	return name
}

// errQuiet is why a session was ended from here: it stands, and brought all that waited.
var errQuiet = errors.New("nothing came for some time")

// untilQuiet returns a context that also ends when the session has brought nothing for
// Quiet, or up to twice as long. stop releases it.
func (s *Session) untilQuiet(ctx context.Context, tally *Tally) (quiet context.Context, stop func()) {
	if s.Quiet == 0 {
		return ctx, func() {}
	}
	quiet, cancel := context.WithCancelCause(ctx)
	last := int64(-1)
	ended := during(s.Quiet, func() time.Duration {
		c := tally.Now()
		now := c.Received + c.Messages + c.Refused
		if now == last {
			cancel(errQuiet)
			return 0
		}
		last = now
		return s.Quiet
	})
	return quiet, func() { ended(); cancel(nil) }
}
