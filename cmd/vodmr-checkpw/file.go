package main

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"vodmr/internal/sys"
	"vodmr/internal/vpasswd"
)

// read reads the file of accounts.
func read(name string, check func(os.FileInfo) error) (string, vpasswd.Stamp, error) {
	f, stamp, err := open(name, check)
	if err != nil {
		return "", stamp, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	return string(text), stamp, err
}

// open opens the file of accounts if it passes the check: trusted, or closed for an index of
// it. The check is of the file that was opened, even if its name leads to another meanwhile.
func open(name string, check func(os.FileInfo) error) (*os.File, vpasswd.Stamp, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // so that a FIFO makes nobody wait
	if err != nil {
		return nil, vpasswd.Stamp{}, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = sys.ErrNotRegular
	}
	if err == nil {
		err = check(info)
	}
	if err != nil {
		f.Close()
		return nil, vpasswd.Stamp{}, fmt.Errorf("%s: %w", name, err)
	}
	return f, vpasswd.Stamp{Changed: info.ModTime().UnixNano(), Size: info.Size()}, nil
}

// trusted says why the owner and mode of a file let another user write to it. Who may write
// decides which logins there are, and which mailbox each one has: so it must belong to root or
// to this program's user, and nobody else may have the right.
func trusted(info os.FileInfo) error {
	if err := closed(info); err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if uid := os.Geteuid(); ok && st.Uid != 0 && int(st.Uid) != uid {
		return fmt.Errorf("it belongs to uid %d, which is neither root nor this program's, %d: chown it", st.Uid, uid)
	}
	return nil
}

// closed says why the mode of a file lets others than its owner write to it. The owner may be
// any user if the file is read for an index: that gets the same owner, and each login then
// looks at it.
func closed(info os.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("its mode %04o lets others write to it: chmod go-w it", mode)
	}
	return nil
}
