package maildir

import (
	"errors"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
	"vodmr/maildir/lock"
)

// A Glance is how a standing session looks at its Maildir from time to time, if another
// host may change it: by a stat of new and by its lock. Unlike a Box it may be used by
// another goroutine than the session's own, since a file system that hangs must not stop
// that one. One goroutine at a time uses it. A look that hangs until the Box is closed finds
// its descriptors closed; the session has ended by then.
type Glance struct {
	home, name, path string
	uid              uint32
	placed           unix.Stat_t // new, as it is open
	lock             lock.Lock
	count            int
}

// Seen is what a Glance has found.
type Seen struct {
	Changed int64        // when something was put into new or taken out, in Unix nanoseconds
	Moved   error        // Box.InPlace's
	Request lock.Request // of another session for the mailbox
	Err     error        // why nothing is known; lock.ErrLost if the lock is no longer held
}

// completely is how many glances are for one that also looks if the Maildir or its lock
// was replaced by another.
const completely = 40

// Glance describes the Maildir for glances. Call it once the lock is held and marked.
func (b *Box) Glance() (*Glance, error) {
	g := &Glance{home: b.home, name: b.name, path: sys.Join(b.path, subNames[inNew]), uid: b.uid, lock: *b.Lock}
	return g, sys.Stat(b.sub[inNew], &g.placed)
}

// Network reports if the Maildir is on a file system that other hosts may change.
func (b *Box) Network() bool { return sys.Network(b.dir) }

// Path is new's path, for logs.
func (g *Glance) Path() string { return g.path }

// Look costs two calls: it asks for the lock again, and for the time of new. With requests
// it also asks if another session wants the mailbox, which costs a third.
func (g *Glance) Look(requests bool) (seen Seen) {
	if seen.Err = g.lock.Renew(); seen.Err != nil {
		return seen
	}
	var named unix.Stat_t
	err := sys.Lstat(unix.AT_FDCWD, g.path, &named)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		seen.Err = err
		return seen
	}
	seen.Changed = named.Mtim.Nano()
	if g.count++; err != nil || !sys.SameFile(&g.placed, &named) {
		seen.Moved = ErrMoved
	} else if g.count%completely == 0 {
		seen.Moved = g.inPlace()
	}
	if requests {
		seen.Request = g.lock.Requested()
	}
	return seen
}

// inPlace is Box.InPlace, which costs twelve calls.
func (g *Glance) inPlace() error {
	now, err := OpenFor(g.home, g.name, g.uid)
	if errors.Is(err, ErrMissing) {
		return ErrMoved
	}
	if err != nil {
		return err
	}
	defer now.Close()
	var named unix.Stat_t
	if err := sys.Stat(now.sub[inNew], &named); err != nil {
		return sys.Named(g.path, err)
	}
	is, err := g.lock.InPlace()
	if err == nil && !(is && sys.SameFile(&g.placed, &named)) {
		return ErrMoved
	}
	return err
}
