// Package setuser owns the change from root to the user that a mailbox belongs to: for
// good, or for as long as something is read. It goes by package syscall, which changes
// all threads; package unix changes one only.
package setuser

import (
	"errors"
	"fmt"
	"syscall"

	"vodmr/internal/fdio"
)

// ErrRoot means that a mailbox belongs to root: no mailbox needs root's rights.
var ErrRoot = errors.New("belongs to root")

// ErrLink means that a mailbox's path is a symbolic link owned by another user, who could
// point it at any user's mailbox.
var ErrLink = errors.New("is another user's symbolic link")

// ownerOf looks up the owner of path, links followed. A link as its last part must be root's or
// that same user's.
func ownerOf(path string) (st syscall.Stat_t, err error) {
	var link syscall.Stat_t
	if err = fdio.Retry(func() error { return syscall.Lstat(path, &link) }); err == nil {
		err = fdio.Retry(func() error { return syscall.Stat(path, &st) })
	}
	switch {
	case err != nil:
		return st, fmt.Errorf("%s: %w", path, err)
	case link.Mode&syscall.S_IFMT == syscall.S_IFLNK && link.Uid != 0 && link.Uid != st.Uid:
		return st, fmt.Errorf("%s %w: name what it leads to", path, ErrLink)
	}
	return st, nil
}

// Owner gives root's rights up for those of path's owner, in all threads and with no
// groups kept. It does nothing if the program is not root's. If path belongs to root, that is
// ErrRoot; if another user links to it, ErrLink.
func Owner(path string) error {
	if syscall.Geteuid() != 0 {
		return nil
	}
	st, err := ownerOf(path)
	if err != nil {
		return err
	}
	if st.Uid == 0 {
		return fmt.Errorf("%s %w: give it to the mailbox's own user", path, ErrRoot)
	}
	if err := syscall.Setgroups([]int{}); err != nil {
		return fmt.Errorf("give up groups: %w", err)
	}
	if err := syscall.Setgid(int(st.Gid)); err != nil {
		return fmt.Errorf("become group %d: %w", st.Gid, err)
	}
	if err := syscall.Setuid(int(st.Uid)); err != nil {
		return fmt.Errorf("become user %d: %w", st.Uid, err)
	}
	return nil
}

// While runs do with the rights of path's owner, and then takes root's back. It is for
// reading: what do runs must start no other program, since root's rights are only laid
// aside. If the program is not root's, or path is root's, do just runs.
// If another user links to path, that is ErrLink.
func While(path string, do func() error) error {
	if syscall.Geteuid() != 0 {
		return do()
	}
	st, err := ownerOf(path)
	if err != nil {
		return err
	}
	if st.Uid == 0 {
		return do()
	}
	groups, err := syscall.Getgroups()
	if err != nil {
		return fmt.Errorf("remember groups: %w", err)
	}
	group := syscall.Getegid()
	err = layAside(int(st.Uid), int(st.Gid))
	if err == nil {
		err = do()
	}
	return errors.Join(err, takeBack(group, groups))
}

// layAside changes the effective ids alone. The real and the saved ones stay root's, or
// the mailbox's owner could stop or kill this process.
func layAside(uid, gid int) error {
	if err := syscall.Setgroups([]int{}); err != nil {
		return fmt.Errorf("lay groups aside: %w", err)
	}
	if err := syscall.Setegid(gid); err != nil {
		return fmt.Errorf("become group %d: %w", gid, err)
	}
	if err := syscall.Seteuid(uid); err != nil {
		return fmt.Errorf("become user %d: %w", uid, err)
	}
	return nil
}

func takeBack(gid int, groups []int) error {
	if err := syscall.Seteuid(0); err != nil {
		return fmt.Errorf("become root again: %w", err)
	}
	if err := syscall.Setegid(gid); err != nil {
		return fmt.Errorf("become group %d again: %w", gid, err)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("take groups back: %w", err)
	}
	return nil
}
