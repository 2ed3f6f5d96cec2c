package relay

import (
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/hang"
	"vodmr/internal/logline"
	"vodmr/internal/sys"
	"vodmr/maildir"
	"vodmr/relay/grant"
)

// A lookout is how a standing session looks for what nothing tells it of, every VODMR_LOOK
// seconds: at its login's right, and at a Maildir that another host may change, which it
// also does with each NOOP. If such a file system hangs, the session must still answer the
// customer and say NOOP. So it looks in a goroutine of its own then, and the end of the
// look wakes the session by a pipe.
type lookout struct {
	glance *maildir.Glance // nil if only this host changes the Maildir
	right  *grant.Right
	every  time.Duration
	log    *logline.Logger

	pipe  [2]int // can be read once a look has ended; -1 if none takes its time
	seen  chan sight
	next  time.Time // of the next look
	began time.Time // of the look that is under way; zero for none
	hangs bool      // that was logged
}

// A sight is what a look has found.
type sight struct {
	maildir.Seen        // of a look afar
	lost         string // why the login has lost its right; "" if it has not
	soon         bool   // that is in doubt: the next look is to be soon
	rightErr     error  // why nothing is known about the right
}

// soonTime is when to look again at a right that is in doubt.
const soonTime = 2 * time.Second

// looksAfar reports if another host may change the Maildir, by its file system or by
// VODMR_LOOK.
func (s *session) looksAfar() bool { return s.grant.Settings.Look > 0 || s.box.Network() }

// lookInterval is VODMR_LOOK.
func (s *session) lookInterval() time.Duration {
	if look := s.grant.Settings.Look; look > 0 {
		return look
	}
	return s.timings.look
}

// newLookout makes the session's lookout.
func (s *session) newLookout() *lookout {
	right := s.grant.Right(s.site(), s.login, s.Environ)
	l := &lookout{right: right, every: s.lookInterval(), log: s.Log, pipe: [2]int{-1, -1}, seen: make(chan sight, 1)}
	l.next = time.Now().Add(l.every)
	if !s.looksAfar() {
		return l
	}
	glance, err := s.box.Glance()
	if err == nil {
		l.pipe[0], l.pipe[1], err = fdio.Pipe()
	}
	if err != nil {
		s.Log.Event("error", unwatched(), logline.Err(err))
		return l
	}
	l.glance = glance
	return l
}

// afar reports if it looks at a Maildir that another host may change.
func (l *lookout) afar() bool { return l.glance != nil }

// wakeTime is when something is to be done: a look, or to log that one hangs. The zero
// time is never.
func (l *lookout) wakeTime() time.Time {
	switch {
	case l.hangs:
		return time.Time{}
	case !l.began.IsZero():
		return l.began.Add(hang.Long)
	}
	return l.next
}

// work does what has its time.
func (l *lookout) work(now time.Time) {
	if !isDue(l.wakeTime(), now) {
		return
	}
	if l.began.IsZero() {
		l.look(now, true)
		return
	}
	l.hangs = true
	l.logHang(hang.Hangs, now)
}

// logHang logs about the look that is under way.
func (l *lookout) logHang(reason string, now time.Time) {
	hang.Log(l.log, "look at "+l.glance.Path(), reason, now.Sub(l.began))
}

// look begins a look, unless one is under way.
func (l *lookout) look(now time.Time, requests bool) {
	if !l.began.IsZero() {
		return
	}
	l.began = now
	if !l.afar() {
		l.seen <- l.sees(requests)
		return
	}
	go func() {
		l.seen <- l.sees(requests)
		_, _ = unix.Write(l.pipe[1], []byte{0})
	}()
}

// sees looks.
func (l *lookout) sees(requests bool) (s sight) {
	if l.afar() {
		s.Seen = l.glance.Look(requests)
	}
	if requests {
		s.lost, s.soon, s.rightErr = l.right.Look()
	}
	return s
}

// take returns what a look that has ended saw; ok is false if none has.
func (l *lookout) take() (seen sight, ok bool) {
	if l.began.IsZero() || len(l.seen) == 0 {
		return seen, false
	}
	seen = <-l.seen
	if l.afar() {
		var bytes [8]byte
		_, _ = sys.Read(l.pipe[0], bytes[:])
	}
	now := time.Now()
	if l.hangs {
		l.logHang(hang.GoesOn, now)
	}
	l.began, l.hangs, l.next = time.Time{}, false, now.Add(l.every)
	if seen.soon {
		l.next = now.Add(min(l.every, soonTime))
	}
	return seen, true
}

// close ends it, but leaves a look that hangs its pipe.
func (l *lookout) close() {
	if l.afar() && l.began.IsZero() {
		sys.Close(l.pipe[0], l.pipe[1])
	}
}
