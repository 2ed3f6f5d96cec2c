package relay

import (
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/sys"
	"vodmr/maildir"
)

// A lookout looks at a Maildir that another host may change, every VODMR_LOOK seconds, and
// with each NOOP. It does so in a goroutine of its own: if the file system hangs, the session
// still answers the customer and says NOOP. The end of a look wakes the session by a pipe.
type lookout struct {
	glance *maildir.Glance
	every  time.Duration
	log    *logline.Logger

	pipe  [2]int
	seen  chan maildir.Seen
	next  time.Time // of the next look
	began time.Time // of the look that is under way; zero for none
	hangs bool      // that was logged
}

// hangTime is after how long a look that is under way is logged.
const hangTime = 5 * time.Second

// newLookout makes the session's lookout; nil if no other host changes the Maildir, unless
// VODMR_LOOK says so.
func (s *session) newLookout() *lookout {
	every := s.grant.Settings.Look
	if every == 0 && !s.box.Network() {
		return nil
	}
	if every == 0 {
		every = s.timings().look
	}
	glance, err := s.box.Glance()
	l := &lookout{glance: glance, every: every, log: s.Log, seen: make(chan maildir.Seen, 1)}
	if err == nil {
		l.pipe[0], l.pipe[1], err = fdio.Pipe()
	}
	if err != nil {
		s.Log.Event("error", unwatched(), logline.Err(err))
		return nil
	}
	l.next = time.Now().Add(every)
	return l
}

// due is when something is to be done: a look, or to log that one hangs. The zero time is
// never.
func (l *lookout) due() time.Time {
	switch {
	case l == nil || l.hangs:
		return time.Time{}
	case !l.began.IsZero():
		return l.began.Add(hangTime)
	}
	return l.next
}

// work does what is due.
func (l *lookout) work(now time.Time) {
	due := l.due()
	if due.IsZero() || now.Before(due) {
		return
	}
	if l.began.IsZero() {
		l.look(now, true)
		return
	}
	l.hangs = true
	l.log.Event("error", logline.F("reason", "the file system does not answer"), logline.F("file", l.glance.Path()),
		logline.N("seconds", int64(now.Sub(l.began).Seconds())))
}

// look begins a look, unless one is under way.
func (l *lookout) look(now time.Time, requests bool) {
	if l == nil || !l.began.IsZero() {
		return
	}
	l.began = now
	go func() {
		l.seen <- l.glance.Look(requests)
		_, _ = unix.Write(l.pipe[1], []byte{0})
	}()
}

// take returns what a look that has ended saw; ok is false if none has.
func (l *lookout) take() (seen maildir.Seen, ok bool) {
	if l == nil || l.began.IsZero() || len(l.seen) == 0 {
		return seen, false
	}
	seen = <-l.seen
	var bytes [8]byte
	_, _ = sys.Read(l.pipe[0], bytes[:])
	now := time.Now()
	if l.hangs {
		l.log.Event("error", logline.F("reason", "the file system answers again"), logline.F("file", l.glance.Path()),
			logline.N("seconds", int64(now.Sub(l.began).Seconds())))
	}
	l.began, l.hangs, l.next = time.Time{}, false, now.Add(l.every)
	return seen, true
}

// fd can be read once a look has ended; -1 if there is no lookout.
func (l *lookout) fd() int {
	if l == nil {
		return -1
	}
	return l.pipe[0]
}

// close ends it, but leaves a look that hangs its pipe.
func (l *lookout) close() {
	if l != nil && l.began.IsZero() {
		sys.Close(l.pipe[0], l.pipe[1])
	}
}
