package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// A program is one of ours, running with a socket.
type program struct {
	cmd *exec.Cmd
	log *tail
}

// start runs a program with far as its descriptor 1, and also as 0 if stdin is nil.
// Its log goes through a pipe, as it would to multilog. far is closed here.
func start(cmd *exec.Cmd, far *net.TCPConn, stdin *os.File) (*program, error) {
	defer far.Close()
	socket, err := far.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	p := &program{cmd: cmd, log: &tail{}}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = socket, socket, p.log
	if stdin != nil {
		cmd.Stdin = stdin
	}
	return p, cmd.Start()
}

// wait waits for the program's end and accepts these exit codes.
func (p *program) wait(codes ...int) error {
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		for _, code := range codes {
			if exit.ExitCode() == code {
				return nil
			}
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(p.cmd.Path), err, p.log)
	}
	return nil
}

// cpu is the processor time in seconds of a program that has ended.
func (p *program) cpu() float64 {
	return (p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()).Seconds()
}

// A tail keeps the end of a program's output.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailMax = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-tailMax):]...)
	t.text = append(t.text[:0], t.text[max(0, len(t.text)-tailMax):]...)
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// peak is the largest memory of a running process so far, in KiB, or 0 if this system
// does not report it. The figure of wait4 is useless: Linux includes the memory of
// the parent that started the process.
func peak(pid int) int64 { return procField(pid, "status", "VmHWM:") }

// pss is a process's proportional share of memory, in KiB.
func pss(pid int) int64 { return procField(pid, "smaps_rollup", "Pss:") }

// procField reads a line `KEY n kB` of a file in /proc.
func procField(pid int, file, key string) int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == key {
			n, _ := strconv.ParseInt(words[1], 10, 64)
			return n
		}
	}
	return 0
}
