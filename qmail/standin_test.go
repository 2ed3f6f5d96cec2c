package qmail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary plays qmail-queue, and a program that runs it, when these
// variables say so.
const (
	playVar   = "QMAIL_TEST_PLAY"   // a part below, with its argument after a colon
	reportVar = "QMAIL_TEST_REPORT" // the directory that stands for the queue
)

func TestMain(m *testing.M) {
	part, arg, _ := strings.Cut(os.Getenv(playVar), ":")
	if part == "" {
		os.Exit(m.Run())
	}
	os.Exit(play(part, arg))
}

// play is the stand-in. Its parts, but for the first, are the ways to go wrong.
func play(part, arg string) int {
	code, _ := strconv.Atoi(arg)
	switch part {
	case "qmail-queue":
		return queueMessage()
	case "exit after all":
		drain(0)
		drain(1)
		return code
	case "exit at once":
		return code
	case "close input, then exit":
		unix.Close(0)
		unix.Close(1)
		return code
	case "say":
		digits, text, _ := strings.Cut(arg, ",")
		code, _ = strconv.Atoi(digits)
		unix.Write(6, []byte(text))
		drain(0)
		drain(1)
		return code
	case "say much, then exit":
		for range 10000 {
			unix.Write(6, bytes.Repeat([]byte("x"), 1000))
		}
		return code
	case "believe the end of the message":
		drain(0)
		report("message", nil)
		return 0
	case "killed":
		drain(0)
		unix.Kill(os.Getpid(), unix.SIGTERM)
		time.Sleep(time.Hour)
	case "hang":
		time.Sleep(time.Hour)
	case "hang after all":
		drain(0)
		drain(1)
		unix.Close(6)
		time.Sleep(time.Hour)
	case "inject":
		return injectForTest(arg)
	}
	return 91
}

// queueMessage keeps qmail-queue's rules: the message to its end, then the
// envelope, which must be whole; only then is it in the queue.
func queueMessage() int {
	if leaks := leakedPipes(); leaks != "" {
		report("leaks", []byte(leaks))
		return 81
	}
	message, envelope := drain(0), drain(1)
	fields := bytes.Split(envelope, []byte{0})
	if len(fields) < 4 || len(fields[len(fields)-1]) > 0 || len(fields[len(fields)-2]) > 0 {
		return 54
	}
	for i, f := range fields[:len(fields)-2] {
		if len(f) == 0 || i == 0 && f[0] != 'F' || i > 0 && f[0] != 'T' {
			return 91
		}
		if len(f) > 1+MaxAddress {
			return 11
		}
	}
	dir, _ := os.Getwd()
	report("dir", []byte(dir))
	report("message", message)
	report("envelope", envelope)
	return 0
}

// leakedPipes names the descriptors that should be closed but are pipes, which
// the Go runtime of this very process does not use for itself.
func leakedPipes() string {
	var leaks []string
	for fd := 3; fd <= 5; fd++ {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO {
			leaks = append(leaks, strconv.Itoa(fd))
		}
	}
	return strings.Join(leaks, " ")
}

func report(name string, content []byte) {
	if err := os.WriteFile(os.Getenv(reportVar)+"/"+name, content, 0o644); err != nil {
		os.Exit(53)
	}
}

func drain(fd int) []byte {
	b, err := io.ReadAll(os.NewFile(uintptr(fd), "pipe"))
	if err != nil {
		os.Exit(54)
	}
	return b
}

// injectForTest runs qmail-queue with whatever descriptors it was given itself.
func injectForTest(program string) int {
	os.Setenv(playVar, "qmail-queue")
	q := Queue{Home: "/", Program: program, Timeout: time.Minute}
	if err := q.Inject("", []string{"a@b"}, strings.NewReader("x")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestDescriptorsDoNotLeakIntoQmailQueue(t *testing.T) {
	program := testBinary(t)
	dir := t.TempDir()
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), playVar+"=inject:"+program, reportVar+"="+dir)
	for range 3 { // they become 3, 4 and 5
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, w)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		leaks, _ := os.ReadFile(dir + "/leaks")
		t.Errorf("%v: %s; leaked: %s", err, out, leaks)
	}
}

func testBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// checkNothingLeft checks that the test's programs and pipes are all gone.
func checkNothingLeft(t *testing.T, before map[int]bool) {
	t.Helper()
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
	for fd := range openPipes() {
		if !before[fd] {
			t.Errorf("descriptor %d is left open", fd)
		}
	}
}

// openPipes lists the descriptors that are pipes.
func openPipes() map[int]bool {
	pipes := map[int]bool{}
	for fd := range 256 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO {
			pipes[fd] = true
		}
	}
	return pipes
}
