//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
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

// follow resumes the threads from call to call until none is left.
func (t *injection) follow() {
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return // ECHILD: all have ended or were detached
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

// stopped handles one stop of a thread and resumes it.
func (t *injection) stopped(tid int, status unix.WaitStatus) {
	th, signal, resume := t.threads[tid], status.StopSignal(), unix.PtraceCont
	switch {
	case th == nil: // a new thread starts with a stop of its own
		t.threads[tid] = t.classify(tid)
		signal = 0
	case signal == unix.SIGTRAP|0x80: // the end of the call that was struck
		t.finish(tid)
		signal = 0
	case status.TrapCause() == unix.PTRACE_EVENT_EXEC:
		t.runs(tid, th)
		signal = 0
	case status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		if t.counts(tid, th) {
			resume = unix.PtraceSyscall
		}
		signal = 0
	case status.TrapCause() > 0:
		signal = 0
	}
	// The thread may have been killed in the meantime.
	_ = resume(tid, int(signal))
}

// runs records that the program has started, or that a child has executed another
// program.
func (t *injection) runs(tid int, th *thread) {
	if tid == t.pid {
		t.began = true
		return
	}
	t.own[tid], th.own = true, true
}

// classify finds out which process a new thread belongs to.
func (t *injection) classify(tid int) *thread {
	process, parent := t.family(tid)
	th := &thread{child: process != t.pid}
	th.own = th.child && (parent != t.pid || t.own[process])
	return th
}

// family reads the process of a thread, and the parent of that process.
func (t *injection) family(tid int) (process, parent int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		switch name {
		case "Tgid":
			process, _ = strconv.Atoi(value)
		case "PPid":
			parent, _ = strconv.Atoi(value)
		}
	}
	return process, parent
}

// counts handles the start of a call, and reports if it was struck in such a way that
// its end must be handled too.
func (t *injection) counts(tid int, th *thread) bool {
	var regs syscall.PtraceRegs
	if !t.began || th.own || syscall.PtraceGetRegs(tid, &regs) != nil || !t.call.is(&regs) || t.runtimes(&regs) {
		return false
	}
	if t.count++; t.count != t.nth {
		return false
	}
	t.strike(tid, th, &regs)
	return t.errno != 0
}

// runtimes reports if this is an internal call of Go's runtime that no kernel would
// treat so. A read of eight bytes from a pipe is its wait for a child to execute its
// program; if that read fails, the runtime waits for the child to end, and the child
// waits for the tracer. A write of eight bytes wakes its own threads, and is never
// partial.
func (t *injection) runtimes(regs *syscall.PtraceRegs) bool {
	switch {
	case regs.Rdx != 8:
		return false
	case t.call.number == unix.SYS_READ:
		return t.errno != 0
	}
	return t.call.number == unix.SYS_WRITE
}

// strike causes the fault.
func (t *injection) strike(tid int, th *thread, regs *syscall.PtraceRegs) {
	who := "program"
	if th.child {
		who = "child"
	}
	fmt.Fprintf(t.out, "struck %s\n", who)
	switch {
	case t.what == "kill":
		_ = unix.Kill(t.victim(tid, th), unix.SIGKILL)
	case t.what == "short":
		shorten(tid, regs)
	case !t.done:
		regs.Orig_rax = ^uint64(0) // there is no call of that number, so none is made
		_ = syscall.PtraceSetRegs(tid, regs)
	}
}

func (t *injection) victim(tid int, th *thread) int {
	if th.child {
		return tid
	}
	return t.pid
}

// shorten makes a call move one byte if it would move more.
func shorten(tid int, regs *syscall.PtraceRegs) {
	if regs.Orig_rax == unix.SYS_SENDMSG {
		shortenMessage(tid, regs)
		return
	}
	regs.Rdx = min(regs.Rdx, 1)
	_ = syscall.PtraceSetRegs(tid, regs)
}

// shortenMessage shortens the first piece of a message: the third word of the header
// points at the pieces, and the second word of a piece is its length.
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

// finish makes the call report its error.
func (t *injection) finish(tid int) {
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &regs) != nil {
		return
	}
	regs.Rax = uint64(-int64(t.errno))
	_ = syscall.PtraceSetRegs(tid, &regs)
}
