package lock

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// system is inotify.
type system struct{ newWD, askWD int32 } // which begin at 1

// begin watches directories and files by their descriptors, as paths may change.
func (w *Watch) begin(newDir int) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == unix.EMFILE {
		return fmt.Errorf("%w: raise sysctl fs.inotify.max_user_instances to more than the standing sessions", err)
	}
	if err != nil {
		return err
	}
	w.fd = fd
	if w.newWD, err = w.add(newDir, unix.IN_CREATE|unix.IN_MOVED_TO); err != nil {
		return err
	}
	if w.ask >= 0 {
		w.askWD, err = w.add(w.ask, unix.IN_MODIFY)
	}
	return err
}

func (w *Watch) add(fd int, mask uint32) (int32, error) {
	wd, err := unix.InotifyAddWatch(w.fd, "/proc/self/fd/"+strconv.Itoa(fd), mask)
	switch err {
	case unix.ENOSPC:
		err = fmt.Errorf("%w: raise sysctl fs.inotify.max_user_watches to more than twice the standing sessions", err)
	case unix.ENOENT, unix.ENOTDIR:
		err = fmt.Errorf("%w: /proc is not mounted", err)
	}
	return int32(wd), err
}

// Read returns what has happened since it was last called. It never waits.
func (w *Watch) Read() (mail, asked bool, err error) {
	var buf [4096]byte
	for {
		n, err := sys.Read(w.fd, buf[:])
		if err == unix.EAGAIN {
			return mail, asked, nil
		}
		if err != nil {
			return mail, asked, err
		}
		for at := 0; at+unix.SizeofInotifyEvent <= n; {
			event := buf[at:n]
			wd, mask := int32(binary.NativeEndian.Uint32(event)), binary.NativeEndian.Uint32(event[4:])
			lost := mask&unix.IN_Q_OVERFLOW != 0
			mail = mail || lost || wd == w.newWD
			asked = asked || lost || wd == w.askWD
			at += unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(event[12:]))
		}
	}
}
