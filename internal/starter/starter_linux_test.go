package starter

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/test/kit/require"
)

// withoutCalls makes this process one of a kernel that lacks some calls.
const withoutCalls = "VODMR_TEST_WITHOUT"

func TestMain(m *testing.M) {
	if os.Getenv(withoutCalls) != "" {
		if err := lackCalls(unix.SYS_PIDFD_OPEN, unix.SYS_CLOSE_RANGE); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// lackCalls has all threads get ENOSYS from these calls.
func lackCalls(calls ...uint32) error {
	const load, is, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{{Code: load}}
	for _, call := range calls {
		filter = append(filter, unix.SockFilter{Code: is, K: call, Jf: 1}, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)})
	}
	filter = append(filter, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// On a kernel without pidfd_open and close_range a program is killed too, and gets no
// descriptors that it should not have.
func TestOldKernel(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^(TestStart|TestKill|TestNoProgram|TestSecondProcess)$", "-test.timeout=30s")
	cmd.Env = append(os.Environ(), withoutCalls+"=yes")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// A starter that somebody has stopped keeps nobody for ever, neither the one who waits for a
// program that was killed nor Close; and no other program is started by it.
func TestStoppedStarter(t *testing.T) {
	require.Time(t)
	s := fork(t, "exec cat")
	p := start(t, s)
	if err := unix.Kill(s.pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.run.Kill()
	if status := p.run.Wait(); status.ExitStatus() != exitUnknown || p.run.Cause() == nil {
		t.Errorf("status %v, cause %v", status, p.run.Cause())
	}
	if _, err := s.Start([3]int{0, 1, 2}); err == nil {
		t.Error("it starts another program")
	}
	s.Close()
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	if err := unix.Kill(s.pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.Close() // it ends now, and the program with it
	if _, err := io.ReadAll(p.output); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(s.pid, 0); err != unix.ESRCH {
		t.Errorf("it did not end: %v", err)
	}
}

// started is one run of a shell script by a starter, with what it says.
type started struct {
	run    *Run
	input  *os.File // its descriptor 0
	output *os.File // what it says on 1 and 6
}

func fork(t *testing.T, script string) *Starter {
	t.Helper()
	s, err := Fork(Command{
		Path: "/bin/sh", Argv: []string{"sh", "-c", script, "zero", "one", ""},
		Environ: []string{"PATH=/usr/bin:/bin", "A=b c", "EMPTY="}, Dir: "/tmp",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func start(t *testing.T, s *Starter) started {
	t.Helper()
	in, input, err1 := os.Pipe()
	output, out, err2 := os.Pipe()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	run, err := s.Start([3]int{int(in.Fd()), int(out.Fd()), int(out.Fd())})
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	t.Cleanup(func() { input.Close(); output.Close() })
	return started{run, input, output}
}

// The program gets its arguments, environment, folder and descriptors, and no others; and a
// starter starts it again and again.
func TestStart(t *testing.T) {
	const script = `cat; pwd; echo "$A:$EMPTY:$1:$2" >&6; for fd in 3 4 5 7 8 9 10 11 12 13 14 15; do
		test -e /proc/$$/fd/$fd && echo "$fd is open"; done; grep -E 'SigBlk|SigIgn' /proc/self/status; exit 7`
	s := fork(t, script)
	for round := range 5 {
		p := start(t, s)
		fmt.Fprintln(p.input, "hello", round)
		p.input.Close()
		said, err := io.ReadAll(p.output)
		want := fmt.Sprintf("hello %d\n/tmp\nb c::one:\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", round)
		if string(said) != want || err != nil {
			t.Errorf("said %q, %v, want %q", said, err, want)
		}
		if status := p.run.Wait(); status.ExitStatus() != 7 {
			t.Errorf("status %v", status)
		}
	}
}

func TestKill(t *testing.T) {
	s := fork(t, "echo up; exec cat")
	for range 2 {
		p := start(t, s)
		if _, err := io.ReadFull(p.output, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		p.run.Kill()
		if !fdio.Readable(time.Now().Add(time.Minute), p.run.Ended()) {
			t.Fatal("it was not killed")
		}
		if status := p.run.Wait(); !status.Signaled() || status.Signal() != unix.SIGKILL {
			t.Errorf("status %v", status)
		}
	}
	// A kill that comes too late kills nothing, and breaks nothing.
	p := start(t, s)
	p.input.Close()
	fdio.Readable(time.Now().Add(time.Minute), p.run.Ended())
	p.run.Kill()
	if status := p.run.Wait(); status.ExitStatus() != 0 || !status.Exited() {
		t.Errorf("status %v", status)
	}
	p = start(t, s)
	p.input.Close()
	if status := p.run.Wait(); status.ExitStatus() != 0 || !status.Exited() {
		t.Errorf("after a late kill: status %v", status)
	}
}

func TestNoProgram(t *testing.T) {
	for _, c := range []Command{
		{Path: "/nonexistent/queue", Argv: []string{"x"}, Dir: "/"},
		{Path: "/bin/sh", Argv: []string{"x"}, Dir: "/nonexistent"},
	} {
		s, err := Fork(c)
		if err != nil {
			t.Fatal(err)
		}
		if status := start(t, s).run.Wait(); status.ExitStatus() != exitNotRun {
			t.Errorf("%+v: status %v", c, status)
		}
		s.Close()
	}
}

// The second process has few descriptors, one thread and little memory of its own, and ends
// when the first one lets go.
func TestSecondProcess(t *testing.T) {
	const forker = "VODMR_TEST_STARTER"
	if os.Getenv(forker) != "" {
		s, err := Fork(Command{Path: "/bin/true", Argv: []string{"true"}, Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		if status := start(t, s).run.Wait(); status != 0 {
			t.Errorf("status %v", status)
		}
		pid := onlyChild(t)
		checkSecond(t, pid)
		s.Close()
		if err := unix.Kill(pid, 0); err != unix.ESRCH {
			t.Errorf("it did not end: %v", err)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSecondProcess$")
	cmd.Env = append(os.Environ(), forker+"=yes")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func onlyChild(t *testing.T) (pid int) {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if strings.TrimSpace(string(text)) != "" {
			if _, err := fmt.Sscan(string(text), &pid); err != nil {
				t.Fatal(err)
			}
		}
	}
	if pid == 0 {
		t.Skip("the kernel does not tell a process's children")
	}
	return pid
}

func checkSecond(t *testing.T, pid int) {
	dir := fmt.Sprintf("/proc/%d", pid)
	tasks, err := os.ReadDir(dir + "/task")
	if len(tasks) != 1 || err != nil {
		t.Errorf("%d threads, %v", len(tasks), err)
	}
	if fds, err := os.ReadDir(dir + "/fd"); len(fds) != 2 || err != nil {
		t.Errorf("descriptors %v, %v", fds, err)
	}
	mine, theirs := mapped(t, "/proc/self"), mapped(t, dir)
	if theirs > mine/4 && !withC {
		t.Errorf("it has %d KiB of address space, the first process %d", theirs, mine)
	}
	line, _ := os.ReadFile(dir + "/cmdline")
	if !strings.Contains(string(line), "TestSecondProcess") {
		t.Errorf("ps shows %q", line)
	}
}

func mapped(t *testing.T, dir string) (kib int) {
	text, err := os.ReadFile(dir + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "VmSize: %d kB", &kib); err == nil {
			return kib
		}
	}
	t.Fatalf("no VmSize in %s", text)
	return 0
}
