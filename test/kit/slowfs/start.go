package slowfs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// A Speed says how slow a mount is.
type Speed struct {
	Delay time.Duration // of each call
	Cache time.Duration // for how long the kernel believes names and attributes
}

// A Process is the program that serves a mount.
type Process struct {
	cmd     *exec.Cmd
	end     io.Closer     // its standard input
	answers *bufio.Reader // its standard output
	trouble bytes.Buffer
}

// Start runs the program of the folder mount, which was built as that file: it shows
// source at seen. It returns when that is mounted. Only root can.
func Start(program, source, seen string, s Speed) (*Process, error) {
	p := &Process{cmd: exec.Command(program, "-e", "-delay", s.Delay.String(), "-cache", s.Cache.String(), source, seen)}
	p.cmd.Stderr = &p.trouble
	input, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.end, p.answers = input, bufio.NewReader(output)
	if err := p.expect("ready"); err != nil {
		return nil, errors.Join(err, p.End())
	}
	return p, nil
}

// expect reads a line of the program.
func (p *Process) expect(want string) error {
	if line, err := p.answers.ReadString('\n'); line != want+"\n" {
		return fmt.Errorf("the slow file system says %q and not %s: %v", line, want, err)
	}
	return nil
}

// End unmounts and ends the program, even if that is another user's. Calls that hang fail.
func (p *Process) End() error {
	p.end.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the slow file system: %w: %s", err, p.trouble.String())
	}
	return nil
}
