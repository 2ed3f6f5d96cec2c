package maildir

import (
	"fmt"

	"vodmr/internal/sys"
)

// A Watch sees what other processes of this host put into new, and that one of them
// asks for the lock. It is a descriptor for poll(2), so that whoever waits for a peer
// waits for both with one call. What other hosts do over NFS it does not see.
type Watch struct {
	// Deaf is why nobody can ask; nil where one can.
	Deaf error

	fd  int // of inotify or kqueue
	ask int // vodmr.ask, -1 where it is Deaf
	system
}

// Watch begins to watch. Where this system has no means for it, or none are left, the
// error says what to do; the session must look at Changed now and then.
func (b *Box) Watch() (*Watch, error) {
	ask, deaf := b.openAsk()
	w := &Watch{Deaf: deaf, fd: -1, ask: ask}
	if err := w.begin(b); err != nil {
		w.Close()
		return nil, fmt.Errorf("%s: no watch: %w", b.path, err)
	}
	return w, nil
}

// FD is readable once there is something to Read.
func (w *Watch) FD() int { return w.fd }

// Close ends the watching.
func (w *Watch) Close() {
	sys.Close(w.fd, w.ask)
	w.fd, w.ask = -1, -1
}
