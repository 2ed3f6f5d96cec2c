package auth

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/ucspi"
)

// A Program is a checkpassword program and what it runs after a right password.
type Program struct {
	Argv    []string // the program first
	Environ []string // NAME=value, as vodmr got it
	Host    string   // handed down as VODMR_HOST
	Session string   // handed down as VODMR_SESSION
	Port    string   // handed down as TCPLOCALPORT; "" leaves that alone
}

// DefaultPort is the Port for vchkpw, which checks CRAM-MD5 only on SMTP's ports: 587 is
// the one for customers.
const DefaultPort = 587

// ErrRefused is wrapped by the error about a login that the program refused for good.
var ErrRefused = errors.New("refused")

// authFD is the descriptor on which the program that runs after a right
// password writes one byte.
const authFD = "4"

// Check runs the program with credentials c. It returns the running program once a right
// password was proved: from then on the connection is the program's. An error wraps
// ErrRefused or says what went wrong; the program has ended then, killed if it was still
// busy at the deadline.
func (p Program) Check(c Credentials, deadline time.Time) (*child.Child, error) {
	login, err := p.start(c.Bytes())
	if err != nil {
		return nil, err
	}
	defer login.close()
	if login.proved(deadline) {
		return login.Child, nil
	}
	return nil, login.reason()
}

// start runs the program with its descriptors in place.
func (p Program) start(credentials []byte) (*attempt, error) {
	path, err := child.LookPath(p.Argv[0], value(p.Environ, "PATH"))
	if err != nil {
		return nil, err
	}
	in, err := filledPipe(credentials)
	if err != nil {
		return nil, err
	}
	defer unix.Close(in)
	proof, proofEnd, err := fdio.Pipe()
	if err != nil {
		return nil, err
	}
	defer unix.Close(proofEnd)
	started, err := child.Start(path, p.Argv, &syscall.ProcAttr{
		Env:   p.environ(),
		Files: []uintptr{0, 1, 2, uintptr(in), uintptr(proofEnd)},
	})
	if err != nil {
		unix.Close(proof)
		return nil, err
	}
	return &attempt{Child: started, proof: proof}, nil
}

// filledPipe returns the read end of a pipe that holds data, which is no more
// than any pipe takes without blocking.
func filledPipe(data []byte) (int, error) {
	r, w, err := fdio.Pipe()
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

// dropped reports if the program must not get a variable from outside: the account that
// the customer has, and TLS descriptors that are not the program's.
func dropped(name string) bool {
	switch name {
	case "VPOPUSER", "USER", "HOME", "SHELL":
		return true
	}
	return ucspi.IsDescriptor(name)
}

// environ returns the environment for the program. Go's runtime in vodmr-relay gets one
// processor, unless the administrator chose: vodmr-relay does one thing at a time, and
// more would only cost threads, each time that it starts and as long as it waits.
func (p Program) environ() []string {
	set := []string{"VODMR_HOST=" + p.Host, "VODMR_SESSION=" + p.Session, "VODMR_AUTHFD=" + authFD}
	if p.Port != "" {
		set = append(set, "TCPLOCALPORT="+p.Port)
	}
	if value(p.Environ, "GOMAXPROCS") == "" {
		set = append(set, "GOMAXPROCS=1")
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

// value returns a variable of an environment, "" if it is not set.
func value(env []string, name string) string {
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			return v
		}
	}
	return ""
}
