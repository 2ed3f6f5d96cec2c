package maildir

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const dirBuffer = 64 << 10

// Where the fields of a directory entry are; each system orders them in its own way.
const (
	atReclen = unsafe.Offsetof(unix.Dirent{}.Reclen)
	atName   = unsafe.Offsetof(unix.Dirent{}.Name)
)

// openAgain opens a directory anew, so that its reading position is its own.
func openAgain(dir int) (int, error) {
	return openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// readNames fills buf with directory entries once; 0 is the end.
func readNames(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// eachName hands on the names in buf but those that begin with a dot. What they name may
// be no message: a directory in the wrong place must be spoken of, not passed over. It
// says whether it got to the end. A name is good only until yield returns.
func eachName(buf []byte, yield func(name []byte) bool) bool {
	for len(buf) >= int(atName) {
		size := int(binary.NativeEndian.Uint16(buf[atReclen:]))
		if size < int(atName) || size > len(buf) {
			return true
		}
		entry := buf[:size]
		buf = buf[size:]
		name := entry[atName:]
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		if len(name) == 0 || name[0] == '.' || erased(entry) {
			continue
		}
		if !yield(name) {
			return false
		}
	}
	return true
}

// erased says that the entry is a hole: inode 0, the first field everywhere. Linux
// never lists holes, and some of its file systems use the number.
func erased(entry []byte) bool {
	return runtime.GOOS != "linux" && binary.NativeEndian.Uint64(entry) == 0
}

// eachFile hands on all names of a directory but those that begin with a dot.
func eachFile(dir int, yield func(name []byte) bool) error {
	fd, err := openAgain(dir)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buf := make([]byte, dirBuffer)
	for {
		n, err := readNames(fd, buf)
		if err != nil || n == 0 {
			return err
		}
		if !eachName(buf[:n], yield) {
			return nil
		}
	}
}
