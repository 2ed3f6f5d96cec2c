package lock

import (
	"fmt"

	"vodmr/internal/sys"
)

// A Watch sees if other processes of this host put something into new, and if one of
// them asks for the lock. It is a descriptor for poll(2), so that a session waits for its
// peer and for these with one call. It does not see changes that other hosts make over
// NFS.
type Watch struct {
	// CannotAsk is the reason if nobody can ask for the lock; otherwise nil.
	CannotAsk error

	fd  int // of inotify or kqueue
	ask int // vodmr.ask, -1 if nobody can ask
	system
}

// Watch begins to watch the lock and an open directory, the Maildir's new. If this system
// has no means for it, or none are left, the error says what to do; the session must then
// look at the directory's time now and then.
func (l *Lock) Watch(newDir int) (*Watch, error) {
	ask, err := l.openAsk()
	w := &Watch{CannotAsk: err, fd: -1, ask: ask}
	if err := w.begin(newDir); err != nil {
		w.Close()
		return nil, fmt.Errorf("%s: no watch: %w", l.path, err)
	}
	return w, nil
}

// FD is readable as soon as there is something to Read.
func (w *Watch) FD() int { return w.fd }

// Close ends the watch.
func (w *Watch) Close() {
	sys.Close(w.fd, w.ask)
	w.fd, w.ask = -1, -1
}
