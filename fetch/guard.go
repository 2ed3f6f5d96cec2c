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
// fromProvider, the one that reads the server calls fromServer. Both hold the tracker's lock,
// but not while they write or wait.
//
// Its tracker tells what the provider's bytes are and which replies are owed. It never
// guesses whether bytes are commands or content: behind DATA it waits for the server's
// reply, and a BDAT is passed on once the server has answered everything before it and has
// accepted a recipient. Some servers refuse a BDAT otherwise and take its octets for
// commands. These waits are for the server here, not for the provider, which may go on.
type guard struct {
	Guard
	track            *tracker
	server, provider io.Writer

	// Of the provider's bytes; fromProvider alone uses them.
	dropped bool // the chunk is not passed on
	content dataGuard
	out     []byte // for the server

	speaking sync.Mutex // held while bytes for the provider are chosen and written

	// Under the tracker's lock.
	changed    sync.Cond // fewer replies are owed
	recipients int       // accepted in this transaction
	refused    bool      // the server has refused a chunk before its last octet
	ended      error     // why the server answers nothing more; nil if it may

	hello []byte // the start of a reply to EHLO; fromServer alone uses it
}

const (
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
	made := &guard{Guard: g, track: track, server: server, provider: provider}
	made.changed.L = &track.mu
	return made
}

// end says that no reply will come any more, and why. Nothing more is passed on then that
// had to wait for one.
func (g *guard) end(why error) {
	g.track.mu.Lock()
	defer g.track.mu.Unlock()
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
	for len(g.track.owed) > most {
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
	g.track.mu.Unlock()
	defer g.track.mu.Lock()
	_, err := g.server.Write(g.out)
	g.out = g.out[:0]
	return err
}

// takeOurs takes our own replies that are next.
func (g *guard) takeOurs(out []byte) []byte {
	for len(g.track.owed) > 0 && g.track.owed[0].ours.Code != 0 {
		ours := g.track.owed[0].ours
		out = ours.AppendTo(out)
		g.track.answered(ours)
	}
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
