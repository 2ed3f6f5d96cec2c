package fetch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Turned is a connection after ATRN: the provider now sends the commands.
type Turned struct {
	net.Conn
	early   []byte        // came together with the reply to ATRN, or was given back
	silence time.Duration // as Session has it
	waiting count         // that the provider gave
}

// Read returns what was read ahead first.
func (t *Turned) Read(p []byte) (int, error) {
	if len(t.early) == 0 {
		return t.Conn.Read(p)
	}
	n := copy(p, t.early)
	t.early = t.early[n:]
	return n, nil
}

// unread gives bytes back to be read first.
func (t *Turned) unread(p []byte) {
	if len(p) > 0 {
		t.early = append(append([]byte(nil), p...), t.early...)
	}
}

// CloseWrite tells the provider that nothing more comes from here.
func (t *Turned) CloseWrite() error { return closeWrite(t.Conn) }

// closeWrite passes on an end of file if the connection knows such a thing.
func closeWrite(conn net.Conn) error {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// addrPort takes a TCP address apart; both are "" for any other.
func addrPort(a net.Addr) (ip, port string) {
	if a == nil {
		return "", ""
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return "", ""
	}
	addr := ap.Addr().Unmap().WithZone("")
	_, port, _ = net.SplitHostPort(ap.String())
	return addr.String(), port
}

// watched is the provider's connection, followed by a tracker: what atrn receives itself
// is counted as what it passes on.
type watched struct {
	net.Conn
	track *tracker
}

// follow lets the tracker see all that passes, what was read ahead first.
func follow(provider *Turned, track *tracker) {
	track.commands(provider.early)
	provider.Conn = watched{provider.Conn, track}
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.track.beginBlock()
	w.track.commands(p[:max(n, 0)])
	w.track.endBlock()
	return n, err
}

func (w watched) Write(p []byte) (int, error) {
	w.track.replies(p)
	return w.Conn.Write(p)
}

func (w watched) CloseWrite() error { return closeWrite(w.Conn) }

// A stoppable is the turned connection with an end from outside: once ctx is
// done reads fail with ErrStopped, while replies still go out.
type stoppable struct {
	*Turned
	ctx context.Context
	mu  sync.Mutex
}

// watch makes a Read that waits fail when ctx is done.
func (s *stoppable) watch() (release func() bool) {
	return context.AfterFunc(s.ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.SetReadDeadline(time.Now())
	})
}

// SetDeadline does not undo what watch did.
func (s *stoppable) SetDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return s.SetWriteDeadline(t)
	}
	return s.Turned.SetDeadline(t)
}

func (s *stoppable) Read(p []byte) (int, error) {
	n, err := s.Turned.Read(p)
	if err != nil && s.ctx.Err() != nil && !errors.Is(err, net.ErrClosed) {
		err = ErrStopped
	}
	return n, err
}
