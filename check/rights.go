package check

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"vodmr/internal/setuser"
	"vodmr/qmail"
)

// If a user can write a file, the user can also replace it, at any moment, by a symbolic
// link to a file that only root can read. So if vodmr-check runs as root, it opens each
// such file with that user's rights: the system itself then refuses a file that the user
// may not read.

// readAs reads path with the rights of w, the user that reads it in service. If w is root
// or is not known, path is read with the rights of the user that could have put it there.
func readAs[T any](w ids, path string, read func() (T, error)) (found T, err error) {
	if w = readerOf(w, path); w.uid == 0 {
		return read()
	}
	var readErr error
	err = setuser.ID{UID: w.uid, GID: w.gid}.While(func() error {
		found, readErr = read()
		return nil
	})
	if os.Geteuid() == 0 && hidden(readErr) {
		readErr = &blocked{path, w, mayRead}
	}
	return found, errors.Join(readErr, err)
}

// openAs is readAs for a function that takes the path. If it opens a database, the records
// are read later, from the same file.
func openAs[T any](w ids, path string, open func(path string) (T, error)) (T, error) {
	return readAs(w, path, func() (T, error) { return open(path) })
}

// readText reads a file whole.
func readText(w ids, path string) ([]byte, error) { return openAs(w, path, qmail.ReadFile) }

// asUser reports if root has a user's rights for the moment. If so, a refusal is a fault
// of the site, and not for lack of root.
func asUser() bool { return os.Getuid() == 0 && os.Geteuid() != 0 }

func readerOf(w ids, path string) ids {
	if w.known && w.uid != 0 {
		return w
	}
	return authorOf(path)
}

// maxLinks is how many symbolic links of root's a path may have, as in the system.
const maxLinks = 40

// authorOf is the user that decides which file path names: the owner of the first part of
// it that is not root's. Only root can change the parts before that one. If all parts are
// root's, or if path ends before, it is root.
func authorOf(path string) ids {
	path, err := filepath.Abs(path)
	for links := 0; err == nil && links < maxLinks; links++ {
		owner, next := firstOther(path)
		if next == "" {
			return owner
		}
		path = next
	}
	return nobody()
}

// firstOther goes down path to its first part that is not root's. At a link of root's it
// ends with the path that the link leads to.
func firstOther(path string) (owner ids, next string) {
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != '/' {
			continue
		}
		var st syscall.Stat_t
		if syscall.Lstat(path[:end], &st) != nil {
			return ids{known: true}, ""
		}
		kind := st.Mode & syscall.S_IFMT
		switch {
		case st.Uid != 0:
			return ids{true, st.Uid, st.Gid}, ""
		case kind == syscall.S_IFDIR && st.Mode&0o002 != 0 && st.Mode&syscall.S_ISVTX == 0:
			return nobody(), ""
		case kind == syscall.S_IFLNK:
			return ids{}, followed(path[:end]) + path[end:]
		}
	}
	return ids{known: true}, ""
}

// followed is the target of a link, as an absolute path.
func followed(link string) string {
	target, err := os.Readlink(link)
	if err != nil || target == "" {
		return link
	}
	if !strings.HasPrefix(target, "/") {
		target = filepath.Dir(link) + "/" + target
	}
	return filepath.Clean(target)
}

// nobody is a user that owns no file and is in no group of a file.
func nobody() ids {
	const overflow = 65534 // Linux's and BSD's number for nobody
	return ids{true, overflow, overflow}
}
