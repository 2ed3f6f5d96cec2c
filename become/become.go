// Package become owns the change from root to the user that a mailbox belongs to: for
// good, or for as long as something is read. It goes by package syscall, which changes
// all threads; package unix changes one only.
package become

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrRoot says that a mailbox belongs to root, whose rights no mailbox needs.
var ErrRoot = errors.New("belongs to root")

// Owner gives root's rights up for those of path's owner, in all threads and with no
// groups kept. It does nothing where the program is not root's; what belongs to root is
// ErrRoot.
func Owner(path string) error {
	if syscall.Geteuid() != 0 {
		return nil
	}
	var st syscall.Stat_t
	if err := stat(path, &st); err != nil {
		return fmt.Errorf("%s: %w", path, err)
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
// aside. Where the program is not root's, and for what belongs to root, do just runs.
func While(path string, do func() error) error {
	if syscall.Geteuid() != 0 {
		return do()
	}
	var st syscall.Stat_t
	if err := stat(path, &st); err != nil {
		return fmt.Errorf("%s: %w", path, err)
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

// stat looks at path; a signal only repeats it.
func stat(path string, st *syscall.Stat_t) error {
	for {
		if err := syscall.Stat(path, st); err != syscall.EINTR {
			return err
		}
	}
}
