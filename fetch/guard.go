package fetch

import (
	"errors"
	"io"
	"sync"
)

// A Guard says how much of a provider's session reaches the SMTP server behind atrn. That
// server meets a connection of this host's own, which it may trust with more than mail: so
// a provider that somebody has taken over must not get further than one that is in order.
//
// Only commands that mail needs are passed on (see passedVerb), and the server's EHLO reply
// names only extensions of these commands (see passedKeyword). Everything else is answered
// here. Content passes as it is.
type Guard struct {
	Domains []string    // whose recipients are passed on; none for all
	Warn    func(error) // told, once a session, of a command that no provider needs; nil for nobody
}

// guard follows one session for a Guard. The goroutine that reads the provider calls
// fromProvider, the one that reads the server calls fromServer. Both block.
//
// It never guesses whether bytes are commands or content: behind DATA it waits for the
// server's reply, and a BDAT is passed on once the server has answered everything before it
// and has accepted a recipient. Some servers refuse a BDAT otherwise and take its octets for
// commands. These waits are for the server here, not for the provider, which may go on.
type guard struct {
	Guard
	track            *tracker
	server, provider io.Writer

	// Of the provider's bytes; fromProvider alone uses them.
	stage   guardStage
	line    []byte // the start of an unfinished command
	long    bool   // the line is too long, and dropped
	left    int64  // octets of the chunk still to come
	dropped bool   // the chunk is not passed on
	content dataGuard
	out     []byte // for the server

	speaking sync.Mutex // held while bytes for the provider are chosen and written

	mu         sync.Mutex
	changed    sync.Cond
	expected   []expectedReply // in order
	recipients int             // accepted in this transaction
	startsData bool            // the last DATA was answered with 354
	inChunk    bool            // octets of a chunk that was passed on are still to come
	refused    bool            // the server has refused that chunk already
	quit       bool            // QUIT was passed on
	outOfStep  bool            // the server gave a reply to nothing
	ended      error           // why the server answers nothing more; nil if it may

	// Of the server's bytes; fromServer alone uses them.
	listener listener
	hello    []byte // the start of a reply to EHLO
}

type guardStage int

const (
	guardCommands guardStage = iota
	guardReply               // behind DATA, until it is answered
	guardData
	guardChunk
)

// An expectedReply is one that the server owes, or one of ours that stands behind those.
type expectedReply struct {
	kind expectedKind
	ours []byte // nil for the server's
}

type expectedKind int

const (
	expectOther expectedKind = iota
	expectEHLO
	expectMail
	expectRcpt
	expectDATA
	expectReset
	expectChunk   // a chunk that is not the last
	expectContent // the end of a message's content
)

const (
	// guardLine is the longest command that is passed on, in bytes: a path of maxPath and its
	// parameters.
	guardLine = 4096
	// maxExpected is how many replies may be outstanding before the provider is read on.
	maxExpected = 1000
	// maxHello is how much of a reply to EHLO is passed on, in bytes.
	maxHello = 32 << 10
)

var (
	errServerEnded = errors.New("the receiving side answers no more")
	errNotAsked    = errors.New("the receiving side gave a reply that nothing had asked for")
)

func newGuard(g Guard, track *tracker, server, provider io.Writer) *guard {
	made := &guard{Guard: g, track: track, server: server, provider: provider, content: newDataGuard(),
		expected: []expectedReply{{}}} // the greeting
	made.changed.L = &made.mu
	return made
}

// end says that no reply will come any more, and why. Nothing more is passed on then that
// had to wait for one.
func (g *guard) end(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended == nil {
		g.ended = why
	}
	g.changed.Broadcast()
}

// await sends what is due to the server, and waits until at most so many replies are
// expected.
func (g *guard) await(most int) error {
	if err := g.flush(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.expected) > most {
		if g.ended != nil {
			return g.ended
		}
		g.changed.Wait()
	}
	return nil
}

// flush sends what is due to the server.
func (g *guard) flush() error {
	if len(g.out) == 0 {
		return nil
	}
	_, err := g.server.Write(g.out)
	g.out = g.out[:0]
	return err
}

// expect notes that the server owes a reply.
func (g *guard) expect(kind expectedKind) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expected = append(g.expected, expectedReply{kind: kind})
}

// takeOurs takes our own replies that are next. The lock is held.
func (g *guard) takeOurs(out []byte) []byte {
	n := 0
	for n < len(g.expected) && g.expected[n].ours != nil {
		out = append(out, g.expected[n].ours...)
		n++
	}
	g.expected = g.expected[:copy(g.expected, g.expected[n:])]
	g.changed.Broadcast()
	return out
}

// say writes to the provider.
func (g *guard) say(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := g.provider.Write(text)
	return err
}
