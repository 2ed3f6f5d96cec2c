package child

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// LookPath finds a program as execvp does: a name with a slash is a path, any
// other is searched for in the folders of path, a PATH; an empty one means
// /usr/bin and /bin. The error wraps unix.ENOENT or unix.EACCES.
func LookPath(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	if path == "" {
		path = "/usr/bin:/bin"
	}
	reason := unix.ENOENT
	for folder := range strings.SplitSeq(path, ":") {
		if folder == "" {
			folder = "."
		}
		file := folder + "/" + name
		switch err := Executable(file); err {
		case nil:
			return file, nil
		case unix.EACCES:
			reason = unix.EACCES
		}
	}
	return "", fmt.Errorf("%s: not found in PATH: %w", name, reason)
}

// Executable says why a file cannot be run.
func Executable(file string) error {
	var st unix.Stat_t
	if err := sys.StatPath(file, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.EACCES
	}
	return sys.Access(file, unix.X_OK)
}
