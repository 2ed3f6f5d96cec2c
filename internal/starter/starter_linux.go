package starter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// A Starter is this process's end of the connection to the second process.
type Starter struct {
	socket int // -1 once the second process is given up
	pid    int
}

// Fork makes the second process. It comes before this one is confined. The second process
// ends when this one closes its end, or ends itself.
func Fork(c Command) (*Starter, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	pid := 0
	b, err := newBlock(c, fds[1])
	if err == nil {
		b.peer = uintptr(fds[0])
		pid, err = b.fork()
	}
	unix.Close(fds[1])
	if err != nil {
		unix.Close(fds[0])
		return nil, err
	}
	return &Starter{fds[0], pid}, nil
}

// fork makes the second process. No signal reaches it: a handler would need what the second
// process does not have.
func (b *block) fork() (pid int, err error) {
	// The second process must not have descriptors that another thread is just making.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	for i := range b.all.Val {
		b.all.Val[i] = ^b.all.Val[i]
	}
	pid = b.clone()
	if pid < 0 {
		err = fmt.Errorf("fork: %w", syscall.Errno(-pid))
	}
	return pid, errors.Join(err, unix.Munmap(b.memory))
}

// Start starts the program: files become its descriptors 0, 1 and 6, its 2 is that of this
// process when Fork was called, and it has no others. One program runs at a time.
func (s *Starter) Start(files [3]int) (*Run, error) {
	err := sys.Retry(func() error {
		return unix.Sendmsg(s.socket, []byte{requestStart}, unix.UnixRights(files[:]...), nil, unix.MSG_NOSIGNAL)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errGone, err)
	}
	return &Run{socket: s.socket, giveUp: s.giveUp}, nil
}

// giveUp has the second process end once it can, and starts no more programs by it: what it
// still answers would be taken for the end of the next one.
func (s *Starter) giveUp() {
	sys.Close(s.socket)
	s.socket = -1
}

// endTime is how long the second process may take to end. It needs a moment, unless somebody
// has stopped it, or it waits for a program that cannot be killed.
const (
	endTime  = 2 * time.Second
	endPause = 200 * time.Microsecond // between two looks if it has
)

// Close ends the second process.
func (s *Starter) Close() {
	s.giveUp()
	for until := time.Now().Add(endTime); time.Now().Before(until); time.Sleep(endPause) {
		ended, err := sys.RetryN(func() (int, error) { return unix.Wait4(s.pid, nil, unix.WNOHANG, nil) })
		if ended != 0 || err != nil {
			return
		}
	}
}

func send(socket int, request byte) error {
	return sys.Retry(func() error { return unix.Sendto(socket, []byte{request}, unix.MSG_NOSIGNAL, nil) })
}

func receiveStatus(socket int) (unix.WaitStatus, error) {
	var b [4]byte
	for have := 0; have < len(b); {
		n, err := sys.Read(socket, b[have:])
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, errGone
		}
		have += n
	}
	return unix.WaitStatus(binary.NativeEndian.Uint32(b[:])), nil
}

// A block is all that the second process has to read and to write, in memory of its own: it
// gives up the rest.
type block struct {
	memory []byte // this block, and what its pointers point to

	socket  uintptr
	peer    uintptr    // the first process's end
	flags   [2]uintptr // of clone
	path    *byte
	dir     *byte
	argv    **byte
	environ **byte

	unneeded [4]span // memory to give up

	// A message, and the three descriptors in it.
	request [1]byte // a late kill must not bring the next request with it
	control [64]byte
	vector  unix.Iovec
	message unix.Msghdr
	unused  unix.Msghdr // the message as it is before it comes
	files   [3]uintptr
	polled  [2]unix.PollFd
	pause   unix.Timespec
	status  uint32
	signals unix.Sigset_t // none
	all     unix.Sigset_t // all
	old     unix.Sigset_t // those that the first process's thread had blocked
	nothing [4]uint64     // a struct sigaction of the kernel: the usual action
}

// newBlock writes a command into new memory, as execve wants it.
func newBlock(c Command, socket int) (*block, error) {
	size := int(unsafe.Sizeof(block{})) + len(c.Path) + len(c.Dir) + 2 + 64
	for _, words := range [][]string{c.Argv, c.Environ} {
		size += (len(words) + 2) * int(unsafe.Sizeof(uintptr(0)))
		for _, word := range words {
			size += len(word) + 1
		}
	}
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	b := (*block)(unsafe.Pointer(&memory[0]))
	b.memory, b.socket = memory, uintptr(socket)
	rest := memory[unsafe.Sizeof(*b):]
	b.argv, rest = list(c.Argv, rest)
	b.environ, rest = list(c.Environ, rest)
	b.path, rest = text(c.Path, rest)
	b.dir, _ = text(c.Dir, rest)
	b.vector.Base, b.message.Iov = &b.request[0], &b.vector
	b.message.SetIovlen(1)
	b.message.Control = &b.control[0]
	b.message.SetControllen(len(b.control))
	b.vector.SetLen(len(b.request))
	b.unused = b.message
	b.flags[0] = uintptr(unix.SIGCHLD)
	if runtime.GOARCH == "s390x" {
		b.flags[0], b.flags[1] = b.flags[1], b.flags[0] // the stack comes first there
	}
	return b, nil
}

// text puts a word into memory and returns what is left of that.
func text(word string, memory []byte) (*byte, []byte) {
	copy(memory, word) // what follows is zero
	return &memory[0], memory[len(word)+1:]
}

// list puts words into memory, and before them their addresses.
func list(words []string, memory []byte) (**byte, []byte) {
	const size = unsafe.Sizeof(uintptr(0))
	memory = memory[-uintptr(unsafe.Pointer(&memory[0]))%size:]
	addresses := unsafe.Slice((**byte)(unsafe.Pointer(&memory[0])), len(words)+1)
	memory = memory[uintptr(len(words)+1)*size:]
	for i, word := range words {
		addresses[i], memory = text(word, memory)
	}
	return &addresses[0], memory
}
