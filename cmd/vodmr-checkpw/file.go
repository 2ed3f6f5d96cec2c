package main

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"vodmr/internal/sys"
	"vodmr/internal/vpasswd"
)

// readAccounts reads the file of accounts. A user that may write to it decides which
// logins there are, and which mailbox each one has: so it must belong to root or to this
// program's user, and nobody else may have the right to write to it. The check is of the
// file that was opened, even if its name leads to another meanwhile.
func readAccounts(name string) (string, vpasswd.Stamp, error) {
	return read(openAccounts(name))
}

// readOwned reads the file of accounts for an index of it. Any user may own the file, since
// the index gets the same owner, and each login then looks at that.
func readOwned(name string) (string, vpasswd.Stamp, error) {
	return read(openChecked(name, closed))
}

func read(f *os.File, stamp vpasswd.Stamp, err error) (string, vpasswd.Stamp, error) {
	if err != nil {
		return "", stamp, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	return string(text), stamp, err
}

// openAccounts opens the file, and refuses it if others could have written it.
func openAccounts(name string) (*os.File, vpasswd.Stamp, error) {
	return openChecked(name, trusted)
}

func openChecked(name string, check func(os.FileInfo) error) (*os.File, vpasswd.Stamp, error) {
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

// trusted says why the owner and mode of a file let another user write to it.
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

// closed says why the mode of a file lets others than its owner write to it.
func closed(info os.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("its mode %04o lets others write to it: chmod go-w it", mode)
	}
	return nil
}
