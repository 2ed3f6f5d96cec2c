package fetch

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

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
