package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"vodmr/internal/account"
)

// who is a user with one group, as the programs run: they give up all others.
type who struct {
	known    bool
	uid, gid uint32
}

func (w who) String() string { return "uid " + strconv.Itoa(int(w.uid)) }

// lookUpUser finds an account of the system by its name or number.
func lookUpUser(name string) (who, string, error) {
	found, err := account.Find(name)
	return who{err == nil, found.UID, found.GID}, found.Home, err
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
	s, err := stat(path)
	return err == nil && s.mode.IsDir()
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// hidden says whether an error means that this user may not look.
func hidden(err error) bool { return errors.Is(err, fs.ErrPermission) }

const (
	mayRead  = 4
	mayWrite = 2
	mayRun   = 1
)

// grants says whether mode bits let a user do what bits ask for.
func (s status) grants(w who, bits fs.FileMode) bool {
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

// A blocked error says where a user's way to a file ends.
type blocked struct {
	at  string
	who who
	bit fs.FileMode
}

func (b *blocked) Error() string {
	verb := "enter or run"
	if b.bit&mayWrite != 0 {
		verb = "write to"
	} else if b.bit&mayRead != 0 {
		verb = "read"
	}
	return fmt.Sprintf("%v may not %s %s", b.who, verb, b.at)
}

// may says whether a user can open, or run, the file at path: each directory on
// the way must let it in. The error is a *blocked, or says why nobody can tell.
func may(w who, path string, bit fs.FileMode) error {
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

func granted(w who, path string, bit fs.FileMode) error {
	s, err := stat(path)
	if err != nil {
		return err
	}
	if !s.grants(w, bit) {
		return &blocked{path, w, bit}
	}
	return nil
}

// loosens says whether a mode lets others write: every user, or a group of more than the
// owner alone.
func loosens(s status) bool {
	perm := s.mode.Perm()
	return perm&0o002 != 0 || perm&0o020 != 0 && !ownGroup(s)
}

// ownGroup says whether a file's group is the one that some systems make for each user,
// of the user's own name.
func ownGroup(s status) bool {
	owner, err := user.LookupId(strconv.Itoa(int(s.uid)))
	if err != nil {
		return false
	}
	group, err := user.LookupGroupId(strconv.Itoa(int(s.gid)))
	return err == nil && group.Name == owner.Username && s.uid != 0
}

// older says whether a made file is older than its source. Both must be there.
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
