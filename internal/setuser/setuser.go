// Package setuser finds the user that a mailbox belongs to, and changes from root to that
// user: for good, or for as long as something is read. It goes by package syscall, which
// changes all threads; package unix changes one only.
package setuser

import (
	"errors"
	"fmt"
	"syscall"

	"vodmr/internal/safepath"
)

// ErrRoot means that a mailbox belongs to root: no mailbox needs root's rights.
var ErrRoot = errors.New("belongs to root")

// An ID is a user and its group.
type ID struct{ UID, GID uint32 }

// OwnerOf returns the owner of a directory. Its path may have no symbolic link that a user
// other than root could point at any user's mailbox: see package safepath.
func OwnerOf(dir string) (ID, error) {
	_, uid, gid, err := safepath.Owned(dir)
	return ID{uid, gid}, err
}

// SetUser gives root's rights up for those of a user, in all threads and with no groups
// kept. It does nothing if the program is not root's; root itself is ErrRoot.
func (id ID) SetUser() error {
	if syscall.Geteuid() != 0 {
		return nil
	}
	if id.UID == 0 {
		return fmt.Errorf("the mailbox %w: give it to a user of its own", ErrRoot)
	}
	return id.change(syscall.Setgid, syscall.Setuid)
}

// change gives the groups up, and then changes group and user.
func (id ID) change(setGroup, setUser func(int) error) error {
	if err := syscall.Setgroups([]int{}); err != nil {
		return fmt.Errorf("give up groups: %w", err)
	}
	if err := setGroup(int(id.GID)); err != nil {
		return fmt.Errorf("become group %d: %w", id.GID, err)
	}
	if err := setUser(int(id.UID)); err != nil {
		return fmt.Errorf("become user %d: %w", id.UID, err)
	}
	return nil
}

// While runs do with the rights of a user, and then takes root's back. If the user cannot
// read a file, do cannot either, even if the user swaps links meanwhile. It is for reading:
// what do runs must start no other program, since root's rights are only laid aside. If
// the program is not root's, and for root itself, do just runs.
func (id ID) While(do func() error) error {
	if syscall.Geteuid() != 0 || id.UID == 0 {
		return do()
	}
	groups, err := syscall.Getgroups()
	if err != nil {
		return fmt.Errorf("remember groups: %w", err)
	}
	group := syscall.Getegid()
	// Only the effective ids change. The real and the saved ones stay root's, or the mailbox's
	// owner could stop or kill this process.
	if err = id.change(syscall.Setegid, syscall.Seteuid); err == nil {
		err = do()
	}
	return errors.Join(err, takeBack(group, groups))
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
