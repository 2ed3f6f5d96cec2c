//go:build linux && amd64

package main

import (
	"bytes"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func waitFor(pid int, status *unix.WaitStatus) error {
	for {
		_, err := unix.Wait4(pid, status, unix.WALL, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

// follow lets the threads run from call to call until none is left.
func (t *trip) follow() {
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return // ECHILD: all have ended or were let go
		}
		switch {
		case status.Exited() || status.Signaled():
			if tid == t.pid {
				t.status = status
			}
			delete(t.threads, tid)
		case status.Stopped():
			t.stopped(tid, status)
		}
	}
}

// stopped goes on after a stop, whatever it was for.
func (t *trip) stopped(tid int, status unix.WaitStatus) {
	th := t.threads[tid]
	signal := status.StopSignal()
	switch {
	case th == nil: // a new one begins with a stop of its own
		t.threads[tid] = &thread{child: !t.ours(tid)}
		signal = 0
	case signal == unix.SIGTRAP|0x80:
		t.look(tid, th)
		signal = 0
	case status.TrapCause() == unix.PTRACE_EVENT_EXEC:
		if th.child {
			delete(t.threads, tid)
			_ = unix.PtraceDetach(tid)
			return
		}
		signal = 0
	case status.TrapCause() > 0:
		signal = 0
	}
	// It may have been killed meanwhile.
	_ = unix.PtraceSyscall(tid, int(signal))
}

// ours says whether a thread is the program's, not a child's.
func (t *trip) ours(tid int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	return bytes.Contains(text, fmt.Appendf(nil, "\nTgid:\t%d\n", t.pid))
}

// look looks at a call's begin or end.
func (t *trip) look(tid int, th *thread) {
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &regs) != nil {
		return
	}
	switch {
	case th.struck:
		th.struck = false
		t.finish(tid, &regs)
	case begins(&regs) && t.call.is(&regs) && !goWaits(t, &regs):
		if t.count++; t.count == t.nth {
			t.strike(tid, th, &regs)
		}
	}
}

// begins says whether a call begins: the kernel puts -ENOSYS where the result will be.
func begins(regs *syscall.PtraceRegs) bool {
	return int64(regs.Rax) == -int64(unix.ENOSYS)
}

// goWaits says whether this is Go's wait for a child to run its program, a read
// of eight bytes from a pipe. Where that fails Go waits for the child's end, which
// waits for us: no kernel has such a read fail.
func goWaits(t *trip, regs *syscall.PtraceRegs) bool {
	return t.call.number == unix.SYS_READ && regs.Rdx == 8 && t.errno != 0
}

// strike does it.
func (t *trip) strike(tid int, th *thread, regs *syscall.PtraceRegs) {
	who := "program"
	if th.child {
		who = "child"
	}
	fmt.Fprintf(t.out, "struck %s\n", who)
	th.struck = true
	switch {
	case t.what == "kill":
		_ = unix.Kill(t.victim(tid, th), unix.SIGKILL)
	case t.what == "short":
		shorten(tid, regs)
	case !t.done:
		regs.Orig_rax = ^uint64(0) // no call of that number: none is made
		_ = syscall.PtraceSetRegs(tid, regs)
	}
}

func (t *trip) victim(tid int, th *thread) int {
	if th.child {
		return tid
	}
	return t.pid
}

// shorten has a call move one byte, where it would move more.
func shorten(tid int, regs *syscall.PtraceRegs) {
	if regs.Orig_rax == unix.SYS_SENDMSG {
		shortenMessage(tid, regs)
		return
	}
	regs.Rdx = min(regs.Rdx, 1)
	_ = syscall.PtraceSetRegs(tid, regs)
}

// shortenMessage shortens the first piece of a message: the third word of the
// header points at the pieces, whose second words are their lengths.
func shortenMessage(tid int, regs *syscall.PtraceRegs) {
	pieces := make([]byte, 8)
	if _, err := syscall.PtracePeekData(tid, uintptr(regs.Rsi)+16, pieces); err != nil {
		return
	}
	var at uintptr
	for i := 7; i >= 0; i-- {
		at = at<<8 | uintptr(pieces[i])
	}
	_, _ = syscall.PtracePokeData(tid, at+8, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

// finish says that the call failed, where it is to fail.
func (t *trip) finish(tid int, regs *syscall.PtraceRegs) {
	if t.errno == 0 {
		return
	}
	regs.Rax = uint64(-int64(t.errno))
	_ = syscall.PtraceSetRegs(tid, regs)
}
