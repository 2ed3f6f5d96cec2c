package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pumpBlock is how much is passed on at a time, in bytes.
	pumpBlock = 64 << 10
	// providerLinger is how long the provider may take to hang up once the
	// receiving side has: closing at once would lose the last replies to a reset.
	providerLinger = time.Minute
	// receiverLinger is how long the receiving side may work on after the
	// provider's last byte (RFC 1047: a server may be slow at the final dot).
	receiverLinger = 10 * time.Minute
	// takeTime is how long either side may take nothing of what it was sent, though its
	// connection stands: twice the longest wait of a sender (RFC 5321 section 4.5.3.2).
	takeTime = 20 * time.Minute
)

// pump passes bytes both ways until both sides are done, as far as the guard lets them.
// Each end of file is passed on as one; whatever was read is written before it.
type pump struct {
	provider *Turned
	receiver net.Conn
	track    *tracker
	guard    *guard

	first  sync.Once
	hungUp net.Conn // the side that was done first
	silent atomic.Bool
	deaf   atomic.Pointer[taker] // the side that took nothing more
	takes  time.Duration         // takeTime
}

func newPump(provider *Turned, receiver net.Conn, g Guard, tally *Tally) *pump {
	p := &pump{provider: provider, receiver: receiver, track: newTracker(tally), takes: takeTime}
	p.guard = newGuard(g, p.track,
		&taker{receiver, "the receiving side took nothing", p},
		&taker{provider, "the provider took no replies", p})
	return p
}

// A taker is a side that is written to. If it takes nothing for takeTime, its connection
// brings nothing more either.
type taker struct {
	conn net.Conn
	did  string // for the error
	pump *pump
}

func (t *taker) Write(p []byte) (int, error) {
	limit := time.AfterFunc(t.pump.takes, func() {
		t.pump.deaf.CompareAndSwap(nil, t)
		_ = t.conn.SetDeadline(time.Now())
	})
	defer limit.Stop()
	return t.conn.Write(p)
}

// run returns nil if the provider said QUIT and all was answered. When ctx is done it reads no
// more from the provider but still brings it the receiver's replies.
func (p *pump) run(ctx context.Context) error {
	_ = p.provider.SetDeadline(time.Time{}) // the login's
	stop := context.AfterFunc(ctx, func() {
		_ = p.provider.SetReadDeadline(time.Now())
		_ = p.provider.SetWriteDeadline(time.Now().Add(p.takes)) // TLS may write while it reads
		_ = p.receiver.SetWriteDeadline(time.Now().Add(quitTime))
		p.guard.end(ErrStopped)
	})
	defer stop()
	if p.provider.silence > 0 {
		defer during(0, p.watch)()
	}
	p.track.once = p.provider.silence == 0
	commands, replies := make(chan error, 1), make(chan error, 1)
	go func() { commands <- p.pass(p.receiver, p.provider, p.guard.fromProvider) }()
	go func() {
		err := p.pass(p.provider, p.receiver, p.guard.fromServer)
		p.guard.end(errServerEnded)
		replies <- err
	}()

	var up, down error
	select {
	case down = <-commands:
		up = await(replies, receiverLinger, p.receiver)
	case up = <-replies:
		down = await(commands, p.linger(), p.provider)
	}
	return p.outcome(ctx, down, up)
}

// watch ends a session if its provider is silent for too long. It looks a few times
// meanwhile, as a reply shortens the time that is left.
func (p *pump) watch() (next time.Duration) {
	left := time.Until(p.track.quietUntil(p.provider.silence))
	if left > 0 {
		return min(left, p.provider.silence/5)
	}
	p.silent.Store(true)
	_ = p.provider.SetReadDeadline(time.Now())
	_ = p.provider.SetWriteDeadline(time.Now().Add(quitTime))
	p.guard.end(errServerEnded)
	return 0
}

// linger is short after QUIT: nothing that the provider may still want to read
// matters then.
func (p *pump) linger() time.Duration {
	if p.track.ended() {
		return quitTime
	}
	return providerLinger
}

// outcome is nil if nothing was cut off.
func (p *pump) outcome(ctx context.Context, down, up error) error {
	switch {
	case ctx.Err() != nil:
		return stopped()
	case p.track.tally.left():
		return nil
	case p.silent.Load():
		return silent(p.provider.silence)
	case p.deaf.Load() != nil:
		return later(nil, "%s for %v", p.deaf.Load().did, p.takes)
	case p.track.outOfStep() != "":
		return later(errors.New(p.track.outOfStep()), "the receiving side gave a reply that nothing had asked for, so it is not known what it took"+innerHeader)
	case p.track.ended():
		return nil
	case p.hungUp == p.receiver:
		return later(p.lastWord(up), "the receiving side hung up before the provider was done")
	}
	return later(down, "the provider hung up before it was done")
}

// lastWord is what the receiving side said about its end, or why it broke.
func (p *pump) lastWord(broke error) error {
	if r := p.track.tally.Now().hindrance; r.Code != 0 {
		return r
	}
	return broke
}

// pass passes on what src says until src ends, then ends dst. After a failure it goes on
// reading, so that src is not stuck with what nobody takes.
func (p *pump) pass(dst, src net.Conn, put func([]byte) error) error {
	defer closeWrite(dst)
	buf := make([]byte, pumpBlock)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			var err error
			if !p.track.tally.left() {
				err = put(buf[:n])
			}
			if p.track.tally.left() {
				p.leave(src, buf)
				return nil
			}
			if err != nil {
				p.done(dst)
				_ = closeWrite(dst)
				_, _ = io.CopyBuffer(io.Discard, onlyReader{src}, buf)
				return err
			}
		}
		if err != nil {
			p.done(src)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// leave ends the session: its provider said NOOP, since it has no more mail, and hears 421.
// The receiving side hears QUIT in place of NOOP, and its reply to that is for nobody.
func (p *pump) leave(src net.Conn, buf []byte) {
	if src == net.Conn(p.provider) {
		_ = p.provider.SetDeadline(time.Now().Add(quitTime))
		_ = p.receiver.SetDeadline(time.Now().Add(quitTime))
		_, _ = p.provider.Write(replyNothingMore().AppendTo(nil))
		_, _ = io.WriteString(p.receiver, "QUIT\r\n")
		_ = closeWrite(p.receiver)
	}
	_, _ = io.CopyBuffer(io.Discard, onlyReader{src}, buf)
}

// done notes which side was done first; the other's end only follows.
func (p *pump) done(side net.Conn) {
	p.first.Do(func() { p.hungUp = side })
}

// onlyReader hides WriteTo, which would pass the buffer by.
type onlyReader struct{ io.Reader }

// await waits for a direction's end; after limit it closes the connection that
// the direction reads from.
func await(done <-chan error, limit time.Duration, source io.Closer) error {
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		_ = source.Close()
		return <-done
	}
}
