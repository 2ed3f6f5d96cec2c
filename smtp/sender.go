package smtp

import (
	"time"
)

// A Duplex is a connection that reads and writes at once; *fdio.Conn is one.
type Duplex interface {
	// Exchange writes some of out, reads some of in, whichever is possible.
	Exchange(out, in []byte) (wrote, read int, err error)
	SetDeadline(time.Time) error
}

// A Sender is the sending side of an SMTP session: a writer that emits
// commands, a reader that matches each reply to its command, in order, and a
// window of transactions between them. The server's extensions decide only how
// far the writer may run ahead. It is used by one goroutine, which writes and
// reads by turns as the connection lets it.
type Sender struct {
	Peer Peer // what is known of the server

	link   link
	window window
	stream streamReader

	expected []expect
	awaited  time.Time // since when the first expected reply is due; zero before its command went out

	flights  []*flight // begun and not finished, in order
	writing  *flight   // the one that still has something to emit
	next     *Transaction
	octets   int64 // of content without an answer
	fresh    bool  // a transaction began since Source.Sending
	misled   bool  // a reply was not the one to its command
	clean    bool  // RSET was said last: the next transaction needs none of its own
	needRSET bool  // lock step: the last transaction was refused
	begun    int   // transactions
}

// NewSender makes a Sender; window is the most transactions in flight.
func NewSender(conn Duplex, timeouts Timeouts, window int) *Sender {
	return &Sender{link: link{conn: conn, timeouts: timeouts, in: make([]byte, 4096)}, window: newWindow(window)}
}

// A ClosingError is returned when the server said 421.
type ClosingError struct{ Reply Reply }

func (e *ClosingError) Error() string { return "the server is closing: " + e.Reply.String() }

// A BrokenError is returned when the connection failed or went out of step: nothing
// more can be said on it.
type BrokenError struct{ Err error }

func (e *BrokenError) Error() string { return "the connection broke: " + e.Err.Error() }
func (e *BrokenError) Unwrap() error { return e.Err }

// A RefusedError is returned when the server refused the session.
type RefusedError struct {
	What  string // what was refused: "greeting", "HELO", "RSET"
	Reply Reply
}

func (e *RefusedError) Error() string { return e.What + " refused: " + e.Reply.String() }

// Run sends what source has until it has no more and all is answered. After an
// error the connection must not be used; Unanswered then tells what it left.
func (s *Sender) Run(source Source) error {
	err := s.run(source)
	if err != nil {
		if !s.misled {
			s.believe(source)
		}
		s.Peer.unanswered()
	}
	return err
}

// believe takes what is answered but for its fence: the connection ended, and no reply
// spoke against it. Otherwise a server that hangs up behind the last message would be sent
// that one in each session.
func (s *Sender) believe(source Source) {
	for len(s.flights) > 0 && s.flights[0].fenced && s.flights[0].owed == 1 {
		s.flights[0].owed = 0
		s.settle(source, s.flights[0])
	}
}

func (s *Sender) run(source Source) error {
	for {
		if s.link.mute == nil {
			s.emit(source)
		}
		if len(s.expected) == 0 && (s.link.pending() == 0 || s.link.mute != nil) {
			return s.link.mute
		}
		if s.fresh {
			source.Sending()
			s.fresh = false
		}
		if err := s.exchange(s.deadline()); err != nil {
			return err
		}
		if err := s.match(source); err != nil {
			return err
		}
	}
}

// An Unanswered transaction was begun when the session ended.
type Unanswered struct {
	Transaction *Transaction
	// Doubt says that the whole content was written: the server may have taken
	// it (RFC 1047).
	Doubt bool
	// Said says that MAIL was written: the server may have heard of the message.
	Said bool
	// Asked says that MAIL was said, and its reply was outstanding.
	Asked bool
}

// Unanswered returns the messages that were begun and not answered, in order.
func (s *Sender) Unanswered() []Unanswered {
	var left []Unanswered
	for _, f := range s.flights {
		if f.tx.AskOnly {
			continue
		}
		left = append(left, Unanswered{
			Transaction: f.tx,
			Said:        f.mailEnd > 0 && f.mailEnd <= s.link.written,
			Doubt:       f.end > 0 && f.end <= s.link.written,
			Asked:       f.step > stepMail && f.mail.Code == 0,
		})
	}
	return left
}

// Window is how many transactions such as the last one may be in flight together now.
func (s *Sender) Window() int {
	n := len(s.flights)
	if n == 0 || s.flights[n-1].lockStep || s.Peer.restrained() {
		return 1
	}
	if !s.flights[n-1].chunking {
		return min(2, s.window.size)
	}
	return s.window.size
}

// Limit bounds the transactions in flight from now on; NewSender's bound holds too.
func (s *Sender) Limit(max int) { s.window.limit(max) }

// Begun is how many times MAIL was said, for a transaction or the probe.
func (s *Sender) Begun() int { return s.begun + s.Peer.probe.said }
