//go:build freebsd || netbsd || openbsd || dragonfly || darwin

package lock

import (
	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// system is kqueue, which tells by the descriptor.
type system struct{ newFD int }

// begin watches. A directory changes too when a message is taken out of it, which
// costs a look that finds nothing.
func (w *Watch) begin(newDir int) error {
	fd, err := unix.Kqueue()
	if err != nil {
		return err
	}
	w.fd = fd
	unix.CloseOnExec(fd)
	w.newFD = newDir
	var changes []unix.Kevent_t
	for _, watched := range [2]int{w.newFD, w.ask} {
		if watched < 0 {
			continue
		}
		change := unix.Kevent_t{Fflags: unix.NOTE_WRITE | unix.NOTE_EXTEND}
		unix.SetKevent(&change, watched, unix.EVFILT_VNODE, unix.EV_ADD|unix.EV_CLEAR)
		changes = append(changes, change)
	}
	_, err = kevent(fd, changes, nil)
	return err
}

// Read returns what has happened since it was last called. It never waits.
func (w *Watch) Read() (mail, asked bool, err error) {
	var events [2]unix.Kevent_t
	n, err := kevent(w.fd, nil, events[:])
	for _, event := range events[:max(n, 0)] {
		if int(event.Ident) == w.newFD {
			mail = true
		} else {
			asked = true
		}
	}
	return mail, asked, err
}

func kevent(fd int, changes, events []unix.Kevent_t) (int, error) {
	var now unix.Timespec
	return sys.RetryN(func() (int, error) { return unix.Kevent(fd, changes, events, &now) })
}
