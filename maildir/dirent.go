package maildir

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

const dirBuffer = 64 << 10

// The places of the fields of a directory entry; each system orders them in its own way.
const (
	atReclen = unsafe.Offsetof(unix.Dirent{}.Reclen)
	atName   = unsafe.Offsetof(unix.Dirent{}.Name)
)

// eachName hands on the names in buf, except those that begin with a dot. A name may be
// that of a directory in the wrong place, which is to be reported, not ignored. It is
// valid only until take returns.
func eachName(buf []byte, take func(name []byte)) {
	for len(buf) >= int(atName) {
		size := int(binary.NativeEndian.Uint16(buf[atReclen:]))
		if size < int(atName) || size > len(buf) {
			return
		}
		entry := buf[:size]
		buf = buf[size:]
		name := entry[atName:]
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		if len(name) > 0 && name[0] != '.' && !erased(entry) {
			take(name)
		}
	}
}

// erased reports if the entry is a hole: inode 0, which is the first field on all systems.
// Linux never lists holes, and some of its file systems use the number.
func erased(entry []byte) bool {
	return runtime.GOOS != "linux" && binary.NativeEndian.Uint64(entry) == 0
}

// eachFile hands on all names of a directory, except those that begin with a dot.
func eachFile(dir int, take func(name []byte)) error {
	fd, err := sys.Reopen(dir)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buf := make([]byte, dirBuffer)
	for {
		n, err := sys.ReadNames(fd, buf)
		if err != nil || n == 0 {
			return err
		}
		eachName(buf[:n], take)
	}
}
