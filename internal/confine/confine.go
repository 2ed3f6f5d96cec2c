// Package confine owns how a process that reads what strangers send gives up its rights: it
// becomes an account that owns nothing, in an empty root folder, and can gain nothing back.
package confine

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"vodmr/internal/account"
	"vodmr/internal/rights"
	"vodmr/internal/sys"
)

// A User is an account to become. A nil one means to stay the present user.
type User account.Account

// LookUp finds an account by its name; no name is no account. Only root can become another.
func LookUp(name string) (*User, error) {
	if name == "" {
		return nil, nil
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("cannot become %s: not started as root", name)
	}
	found, err := account.Find(name)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", name, err)
	}
	return (*User)(&found), nil
}

// Credential is what a program is started with: no groups but the account's own.
func (u *User) Credential() *syscall.Credential {
	if u == nil {
		return nil
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: []uint32{}}
}

// EffectiveUID is the user that a process with this account has.
func (u *User) EffectiveUID() int {
	if u == nil {
		return os.Geteuid()
	}
	return int(u.UID)
}

// Enter locks this process, all its threads, into an empty directory as this account.
// Nothing can be opened afterwards, and no program gives it more rights.
// Without an account it stays the present user in the present root folder.
func (u *User) Enter() error {
	if u == nil {
		return loseRights()
	}
	if err := makeEmpty(EmptyFolder); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	err := u.take([]step{
		{"chdir", func() error { return syscall.Chdir(EmptyFolder) }},
		{"chroot", func() error { return syscall.Chroot(".") }},
	})
	if err == nil {
		err = u.Assume()
	}
	if err != nil {
		return err
	}
	return loseRights()
}

// Assume makes this process, all its threads, the account, with no groups but the account's
// own. It keeps its root folder, and may become a program that gains rights.
// Without an account it stays the present user.
func (u *User) Assume() error {
	if u == nil {
		return nil
	}
	return u.take([]step{
		{"give up groups", func() error { return syscall.Setgroups([]int{}) }},
		{"become group", func() error { return syscall.Setgid(int(u.GID)) }},
		{"become user", func() error { return syscall.Setuid(int(u.UID)) }},
	})
}

// A step is one system call on the way to an account.
type step struct {
	name string
	do   func() error
}

// take takes steps in their order, up to the first that fails.
func (u *User) take(steps []step) error {
	for _, s := range steps {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s for %s: %w", s.name, u.Name, err)
		}
	}
	return nil
}

// loseRights comes last: the kernel lets a process be read again when its user changes.
func loseRights() error {
	if err := rights.KeepSecret(); err != nil {
		return err
	}
	return rights.GainNothing()
}

// EmptyFolder is the root folder of a confined process, made if it is missing.
const EmptyFolder = "/var/empty"

// makeEmpty makes the folder if it is missing, and checks it.
func makeEmpty(folder string) error {
	if err := sys.MakeFolder(folder, 0o555); err != nil {
		return &os.PathError{Op: "mkdir", Path: folder, Err: err}
	}
	return CheckEmpty(folder)
}

// CheckEmpty says why a folder is no place to be locked into: anybody but root
// could put things there.
func CheckEmpty(folder string) error {
	var st unix.Stat_t
	if err := sys.Lstat(unix.AT_FDCWD, folder, &st); err != nil {
		return &os.PathError{Op: "stat", Path: folder, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != 0 || st.Mode&0o022 != 0 {
		return fmt.Errorf("%s must be a directory that only root can write to", folder)
	}
	entries, err := os.ReadDir(folder)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s must be empty", folder)
	}
	return err
}
