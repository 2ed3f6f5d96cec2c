package rights

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	readRights  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	writeRights = readRights | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	// fileRights are those of them that a file can have.
	fileRights = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
)

// Keep gives up all rights but these, for all threads of this process and for good. A kernel
// before 5.13, or one that was built without Landlock, cannot forbid files; the rest holds
// there too. It comes after the change of the user.
func (r Rights) Keep() error {
	if r.Files > 0 {
		r.limitFiles()
	}
	if err := errors.Join(KeepSecret(), GainNothing()); err != nil {
		return err
	}
	if err := r.landlock(); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := r.seccomp(); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// limitFiles lowers a limit that is higher.
func (r Rights) limitFiles() {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Max > r.Files {
		limit = unix.Rlimit{Cur: r.Files, Max: r.Files}
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
}

// landlock forbids files, connections, and signals to other processes.
func (r Rights) landlock() error {
	rules, err := newRuleset()
	if err != nil || rules == nil {
		return err
	}
	defer unix.Close(rules.fd)
	allowed := map[uint64][]string{unix.LANDLOCK_ACCESS_FS_READ_DIR: r.List, readRights: r.Read, writeRights: r.Write}
	for rights, paths := range allowed {
		for _, path := range paths {
			err = errors.Join(err, rules.allowPath(path, rights))
		}
	}
	for _, port := range r.Connect {
		err = errors.Join(err, rules.allowPort(port))
	}
	return errors.Join(err, rules.enforce())
}
