package main

import (
	"errors"
	"fmt"
	"syscall"
)

// becomeOwner gives root's rights up for those of home's owner, in all threads
// and with no groups kept, before anything in home is read. Package syscall
// does that; package unix changes one thread only.
func becomeOwner(home string) error {
	if home == "" {
		return errors.New("HOME is not set: the checkpassword program must set it")
	}
	if syscall.Geteuid() != 0 {
		return nil
	}
	var st syscall.Stat_t
	if err := syscall.Stat(home, &st); err != nil {
		return fmt.Errorf("HOME %s: %w", home, err)
	}
	if st.Uid == 0 {
		return fmt.Errorf("HOME %s belongs to root: give it to the mailbox's own user", home)
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
