package auth

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// A Program is a checkpassword program and what it runs after a right password.
type Program struct {
	Argv    []string // the program first
	Environ []string // NAME=value, as vodmr got it
	Host    string   // handed down as VODMR_HOST
	Session string   // handed down as VODMR_SESSION
	Port    string   // handed down as TCPLOCALPORT; "" leaves that alone
}

// DefaultPort is the Port for vchkpw, which checks CRAM-MD5 only where it is one of
// SMTP's: 587 is the one for customers.
const DefaultPort = 587

// ErrRefused is wrapped where the program refused the login for good.
var ErrRefused = errors.New("refused")

// authFD is the descriptor on which the program that runs after a right
// password writes one byte.
const authFD = "4"

// Check runs the program with credentials c. It returns the running program
// where a right password was proved: from then on the connection is the
// program's. An error wraps ErrRefused or says what went wrong; the program has
// ended then, killed where it was still busy at the deadline.
func (p Program) Check(c Credentials, deadline time.Time) (*Child, error) {
	child, err := p.start(c.Bytes())
	if err != nil {
		return nil, err
	}
	defer child.closePipes()
	if child.proved(deadline) {
		return child, nil
	}
	return nil, child.reason()
}

// start runs the program with its descriptors in place.
func (p Program) start(credentials []byte) (*Child, error) {
	path, err := LookPath(p.Argv[0], value(p.Environ, "PATH"))
	if err != nil {
		return nil, err
	}
	in, err := filledPipe(credentials)
	if err != nil {
		return nil, err
	}
	defer unix.Close(in)
	proof, proofEnd, err := pipe()
	if err != nil {
		return nil, err
	}
	defer unix.Close(proofEnd)
	pid, err := syscall.ForkExec(path, p.Argv, &syscall.ProcAttr{
		Env:   p.environ(),
		Files: []uintptr{0, 1, 2, uintptr(in), uintptr(proofEnd)},
	})
	if err != nil {
		unix.Close(proof)
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return watch(pid, proof)
}

// filledPipe returns the read end of a pipe that holds data, which is no more
// than any pipe takes without blocking.
func filledPipe(data []byte) (int, error) {
	r, w, err := pipe()
	if err != nil {
		return -1, err
	}
	defer unix.Close(w)
	if err := fdio.WriteAll(w, data); err != nil {
		unix.Close(r)
		return -1, fmt.Errorf("pipe: %w", err)
	}
	return r, nil
}

// pipe is fdio.Pipe, whose errors say so.
func pipe() (r, w int, err error) {
	if r, w, err = fdio.Pipe(); err != nil {
		err = fmt.Errorf("pipe: %w", err)
	}
	return r, w, err
}

// dropped says whether the program must not get a variable from outside: who
// the customer is, and TLS descriptors that are not its own.
func dropped(name string) bool {
	switch name {
	case "VPOPUSER", "USER", "HOME", "SHELL", "SSLCTLFD", "SSLREADFD", "SSLWRITEFD":
		return true
	}
	return false
}

// environ returns the environment for the program.
func (p Program) environ() []string {
	set := []string{"VODMR_HOST=" + p.Host, "VODMR_SESSION=" + p.Session, "VODMR_AUTHFD=" + authFD}
	if p.Port != "" {
		set = append(set, "TCPLOCALPORT="+p.Port)
	}
	env := make([]string, 0, len(p.Environ)+len(set))
	for _, entry := range p.Environ {
		name, _, _ := strings.Cut(entry, "=")
		if !dropped(name) && value(set, name) == "" {
			env = append(env, entry)
		}
	}
	return append(env, set...)
}

// value returns a variable of an environment, "" where it is not set.
func value(env []string, name string) string {
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			return v
		}
	}
	return ""
}
