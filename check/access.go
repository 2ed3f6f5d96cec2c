package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"vodmr/internal/account"

	"golang.org/x/sys/unix"
)

// ids are a user and its group: the programs of the chain give up all other groups.
type ids struct {
	known    bool
	uid, gid uint32
}

func (w ids) String() string { return "uid " + strconv.Itoa(int(w.uid)) }

// lookUpUser finds an account of the system by its name or number.
func lookUpUser(name string) (ids, string, error) {
	found, err := account.Find(name)
	return ids{err == nil, found.UID, found.GID}, found.Home, err
}

// A status is what a name stands for, links followed.
type status struct {
	mode     fs.FileMode
	uid, gid uint32
	size     int64
	changed  time.Time
}

func stat(path string) (status, error) {
	info, err := os.Stat(path)
	if err != nil {
		return status{}, err
	}
	s := status{mode: info.Mode(), size: info.Size(), changed: info.ModTime()}
	if raw, ok := info.Sys().(*syscall.Stat_t); ok {
		s.uid, s.gid = raw.Uid, raw.Gid
	}
	return s, nil
}

func isDir(path string) bool {
	st, err := stat(path)
	return err == nil && st.mode.IsDir()
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// hidden reports if an error means that this user may not look.
func hidden(err error) bool { return errors.Is(err, fs.ErrPermission) }

const (
	mayRead  = 4
	mayWrite = 2
	mayRun   = 1
)

// grants reports if the mode lets a user do all that bits stand for.
func (s status) grants(w ids, bits fs.FileMode) bool {
	perm := s.mode.Perm()
	switch {
	case w.uid == 0:
		return bits != mayRun || s.mode.IsDir() || perm&0o111 != 0
	case w.uid == s.uid:
		perm >>= 6
	case w.gid == s.gid:
		perm >>= 3
	}
	return perm&bits == bits
}

// A blocked error names the file or folder that stops a user on the way to a file.
type blocked struct {
	at   string
	user ids
	bit  fs.FileMode
}

// isBlocked reports if an error is a *blocked: the modes say for sure that the user may not.
func isBlocked(err error) bool {
	_, is := errors.AsType[*blocked](err)
	return is
}

func (b *blocked) Error() string {
	verb := "enter or run"
	if b.bit&mayWrite != 0 {
		verb = "write to"
	} else if b.bit&mayRead != 0 {
		verb = "read"
	}
	return fmt.Sprintf("%v may not %s %s", b.user, verb, b.at)
}

// may returns nil if a user can open, or run, the file at path: each directory on the way
// must let it in. The error is a *blocked, or one of the system if the modes cannot be
// seen.
func may(w ids, path string, bit fs.FileMode) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for i := 1; i < len(real); i++ {
		if real[i] != '/' {
			continue
		}
		if err := granted(w, real[:i], mayRun); err != nil {
			return err
		}
	}
	return granted(w, real, bit)
}

func granted(w ids, path string, bit fs.FileMode) error {
	st, err := stat(path)
	if err != nil {
		return err
	}
	if !st.grants(w, bit) {
		return &blocked{path, w, bit}
	}
	return nil
}

// loosens reports if a mode lets others write: every user, or a group of more than the
// owner alone.
func loosens(s status) bool {
	perm := s.mode.Perm()
	return perm&0o002 != 0 || perm&0o020 != 0 && !ownGroup(s)
}

// ownGroup reports if a file's group is the one that some systems make for each user, with
// the user's own name.
func ownGroup(s status) bool {
	owner, err := user.LookupId(strconv.Itoa(int(s.uid)))
	if err != nil {
		return false
	}
	group, err := user.LookupGroupId(strconv.Itoa(int(s.gid)))
	return err == nil && group.Name == owner.Username && s.uid != 0
}

// older reports if a made file is older than its source. If one is missing it is not.
func older(made, source string) bool {
	m, err1 := stat(made)
	s, err2 := stat(source)
	return err1 == nil && err2 == nil && m.changed.Before(s.changed)
}

// within puts a path below a folder unless it is absolute.
func within(dir, path string) string {
	if path == "" || strings.HasPrefix(path, "/") {
		return path
	}
	return filepath.Join(dir, path)
}

// resolved is a path without links, or the path itself if one of them leads nowhere.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// names lists a folder without dot files, at most 100,000 of them: a folder of millions is
// not read to its end.
func names(dir string) ([]string, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 100000
	all, err := f.Readdirnames(most)
	return slices.DeleteFunc(all, func(name string) bool { return strings.HasPrefix(name, ".") }), err
}
