package sys

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// maxRead is the largest file that ReadFile reads, in bytes.
const maxRead = 16 << 20

var errTooLarge = errors.New("file too large")

// ReadFile does the same as os.ReadFile for a regular file of at most 16 MiB. It reads nothing
// else, so it waits for no FIFO and for no device without an end.
func ReadFile(path string) ([]byte, error) {
	fd, st, err := OpenRegular(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	if st.Size > maxRead {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errTooLarge}
	}
	text := make([]byte, st.Size)
	have, err := ReadFull(fd, text, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return text[:have], nil
}
