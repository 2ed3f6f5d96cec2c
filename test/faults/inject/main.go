//go:build linux && amd64

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const exitBroken = 111

func main() {
	if os.Args[0] == stageName {
		fmt.Fprintln(os.Stderr, "inject:", stage(os.Args[1:]))
		os.Exit(exitBroken)
	}
	out := flag.String("o", "", "the file that tells what happened")
	flag.Parse()
	t, err := newInjection(*out, flag.Args())
	if err == nil {
		err = t.run(flag.Args()[3:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inject:", err)
		os.Exit(exitBroken)
	}
	t.endLikeIt()
}

// An injection is one program under way.
type injection struct {
	out     *os.File
	call    call
	nth     int
	what    string // kill, short or ""
	errno   syscall.Errno
	done    bool // the call is done and still returns the error
	pid     int  // the program
	threads map[int]*thread
	own     map[int]bool // children that have executed another program
	began   bool         // the program has started
	count   int
	status  unix.WaitStatus // how the program ended
}

// A thread is a traced thread, of the program or of a child.
type thread struct {
	child bool
	own   bool // of a child that has executed another program
}

func newInjection(out string, args []string) (*injection, error) {
	if len(args) < 4 {
		return nil, errors.New("usage: inject -o FILE CALL N WHAT PROGRAM [ARG ...]")
	}
	t := &injection{threads: make(map[int]*thread), own: make(map[int]bool)}
	var found bool
	var err error
	if t.call, found = calls()[args[0]]; !found {
		return nil, fmt.Errorf("unknown call %q", args[0])
	}
	if t.nth, err = strconv.Atoi(args[1]); err != nil {
		return nil, err
	}
	if err := t.understand(args[2]); err != nil {
		return nil, err
	}
	t.out, err = os.Create(out)
	return t, err
}

// understand parses WHAT.
func (t *injection) understand(what string) error {
	if what == "kill" || what == "short" {
		t.what = what
		return nil
	}
	what, t.done = strings.CutPrefix(what, "done-")
	for errno := syscall.Errno(1); errno < 134; errno++ {
		if unix.ErrnoName(errno) == what {
			t.errno = errno
			return nil
		}
	}
	return fmt.Errorf("unknown error %q", what)
}

// run runs the program to its end, and then any process that is still traced.
func (t *injection) run(argv []string) error {
	runtime.LockOSThread() // only one thread may be the tracer
	if !strings.HasPrefix(argv[0], "/") {
		return fmt.Errorf("%s: give the whole path", argv[0])
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	t.pid, err = syscall.ForkExec(self, append([]string{stageName, strconv.FormatUint(t.call.number, 10)}, argv...),
		&syscall.ProcAttr{Env: os.Environ(), Files: inherited(), Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		return err
	}
	var status unix.WaitStatus
	if err := waitFor(t.pid, &status); err != nil || !status.Stopped() {
		return fmt.Errorf("%s did not start: %v", argv[0], err)
	}
	const traceFlags = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
		unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.pid, traceFlags); err != nil {
		return err
	}
	t.threads[t.pid] = &thread{}
	if err := unix.PtraceCont(t.pid, 0); err != nil {
		return err
	}
	t.follow()
	if !t.began {
		return fmt.Errorf("%s was not run", argv[0])
	}
	return nil
}

// inherited are the descriptors that the program gets: ours, up to the first closed
// one.
func inherited() []uintptr {
	var list []uintptr
	for fd := uintptr(0); fd < 10; fd++ {
		flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			break
		}
		list = append(list, fd)
	}
	return list
}

// endLikeIt exits as the program did.
func (t *injection) endLikeIt() {
	fmt.Fprintf(t.out, "calls %d\n", t.count)
	t.out.Close()
	if t.status.Signaled() {
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
		_ = unix.Kill(os.Getpid(), t.status.Signal())
	}
	os.Exit(t.status.ExitStatus())
}
