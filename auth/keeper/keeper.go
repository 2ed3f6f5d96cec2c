// Package keeper owns what vodmr does beside talking: it keeps the process that reads from
// the customer, the talker, apart from everything that needs rights. It begins TLS by
// UCSPI-TLS, and becomes the checkpassword program. The talker's end of it is the Desk.
package keeper

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/ucspi"
	"vodmr/internal/verdict"
)

// TalkerName is argument 0 of a process that is to be a talker.
const TalkerName = "vodmr-talker"

// A Keeper is the process that tcpserver started. It never reads from the customer.
type Keeper struct {
	Program Program
	Wrapper *Wrapper // the TLS program; nil for none
	Until   time.Time
	IP      string // the customer's, for the log
	Log     *logline.Logger

	talker  *child.Child
	conn    *fdio.Conn // requests are read, answers written
	answers int
	begun   bool // TLS was asked for
	tried   bool // a login was asked for
}

// graceTime is for how long after the session's end a talker may still be there, with its
// last words to a customer that reads slowly.
const graceTime = 10 * time.Second

// Serve starts the talker, whose arguments and environment are those, and does what it
// asks. It returns vodmr's exit code; if there was a login it does not return, for the
// process is another program then.
func (k *Keeper) Serve(args, environ []string) int {
	if err := k.startTalker(args, environ); err != nil {
		return k.fail(err)
	}
	return k.serve()
}

// serve is Serve once the talker is there.
func (k *Keeper) serve() int {
	err := k.answer()
	if err == io.EOF && !k.talker.EndsWithin(time.Until(k.Until)+graceTime) {
		err = errBadRequest // it closed the pipe and stays
	}
	if err != io.EOF {
		k.fail(err)
		k.talker.Signal(unix.SIGKILL)
		// Root without CAP_KILL cannot kill another user's process. Ours ends by itself
		// when this one does, and nobody waits for a stranger's.
		if !k.talker.EndsWithin(time.Second) {
			return child.ExitTemporary
		}
	}
	return k.talker.ExitCode()
}

// fail logs and returns the exit code for trouble.
func (k *Keeper) fail(err error) int {
	k.Log.Event("error", logline.F("ip", k.IP), logline.Err(err))
	return child.ExitTemporary
}

// startTalker runs this very program again. It has the customer, the log, and the two
// pipes; with a TLS program also the descriptors inside TLS, on which nothing happens
// before the handshake.
func (k *Keeper) startTalker(args, environ []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	requests, ask, err := fdio.Pipe()
	if err != nil {
		return err
	}
	defer unix.Close(ask)
	hear, answers, err := fdio.Pipe()
	if err != nil {
		return err
	}
	defer unix.Close(hear)
	files := []uintptr{0, 1, 2, uintptr(ask), uintptr(hear)}
	if k.Wrapper != nil {
		files = append(files, uintptr(k.Wrapper.read), uintptr(k.Wrapper.write))
	}
	// Descriptors 3 and 4 will be the program's. This comes before the talker is there: that
	// would take an end of this process for the program's refusal.
	if requests, err = moveUp(requests); err != nil {
		return err
	}
	if k.answers, err = moveUp(answers); err != nil {
		return err
	}
	k.conn = fdio.New(requests, k.answers)
	k.talker, err = child.StartBarred(self, append([]string{TalkerName}, args...), &syscall.ProcAttr{Env: environ, Files: files})
	return err
}

// answer serves the talker's requests. The error is io.EOF if the talker ended.
func (k *Keeper) answer() error {
	_ = k.conn.SetDeadline(k.Until.Add(graceTime))
	for {
		var b [1]byte
		if _, err := k.conn.Read(b[:]); err != nil {
			return err
		}
		var err error
		switch b[0] {
		case requestOpen:
			err = k.say(k.Wrapper != nil && !k.begun && k.Wrapper.Open())
		case requestTLS:
			err = k.beginTLS()
		case requestLogin:
			err = k.login("")
		case requestExternal:
			err = k.loginExternal()
		default:
			err = errBadRequest
		}
		if err != nil {
			return err
		}
	}
}

func (k *Keeper) say(yes bool) error {
	answer := byte(answerNo)
	if yes {
		answer = answerYes
	}
	_, err := k.conn.Write([]byte{answer})
	return err
}

// beginTLS goes through UCSPI-TLS. What the TLS program says of the customer's certificate
// is read here: a talker could say anything.
func (k *Keeper) beginTLS() error {
	if k.Wrapper == nil || k.begun {
		return errBadRequest
	}
	k.begun = true
	if !k.Wrapper.Open() {
		return k.say(false)
	}
	variables, err := k.Wrapper.Begin(k.Until)
	if err != nil {
		if err != ucspi.ErrNoHandshake { // that one the TLS program logs
			k.fail(fmt.Errorf("STARTTLS: %w", err))
		}
		return k.say(false)
	}
	k.Program.Environ = append(k.Program.Environ, variables...)
	if k.Program.External() != "" {
		_, err = k.conn.Write([]byte{answerExternal})
		return err
	}
	return k.say(true)
}

// loginExternal is login if the customer has shown a certificate. The key is the one that
// the TLS program told of, so a talker can name any login and no other key.
func (k *Keeper) loginExternal() error {
	key := k.Program.External()
	if key == "" {
		return errBadRequest
	}
	return k.login(key)
}

// login becomes the checkpassword program. If that fails the talker is told, and has the
// last word. external is the customer's key if nothing else is to speak for the login.
func (k *Keeper) login(external string) error {
	credentials, err := readCredentials(k.conn)
	if err != nil {
		return err
	}
	if k.tried || external != "" && !bytes.HasSuffix(credentials, []byte{0, 0, 0}) {
		return errBadRequest
	}
	k.tried = true
	if k.Program.isOurs() {
		if _, err := k.conn.Write([]byte{byte(verdict.Begun)}); err != nil {
			return err
		}
	}
	k.fail(k.Program.exec(credentials, external, k.answers, k.talker.PID(), time.Until(k.Until)+graceTime))
	_, err = k.conn.Write([]byte{byte(verdict.NotRun)})
	return err
}

// exec puts the descriptors in their places and becomes the program, with the rights of its
// account. It returns only if that fails. If the program does not decide within the limit, a
// signal kills it. Our own programs ignore that signal, and have limits of their own.
func (p Program) exec(credentials []byte, external string, answers, talker int, limit time.Duration) error {
	path, err := child.LookPath(p.Argv[0], value(p.Environ, "PATH"))
	if err != nil {
		return err
	}
	in, err := filledPipe(credentials)
	if err != nil {
		return err
	}
	if err := place(in, answers); err != nil {
		return err
	}
	if err := p.Account.Assume(); err != nil {
		return err
	}
	child.KillAfter(limit)
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, p.Argv, p.environ(talker, external)))
}

// Reserve takes the descriptors that the program will get, as far as they are free. Otherwise
// Go's runtime might have one for itself, and would fall if it became another's.
func Reserve() {
	for fd := credentialsFD; fd <= answerFD; {
		taken, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, fd)
		if err != nil {
			return // there is no log; nothing is lost but the words of a program that fails
		}
		if taken > answerFD {
			unix.Close(taken)
			return
		}
		fd = taken + 1
	}
}

// place puts the credentials on descriptor 3 and a copy of the pipe for the answer on 4. All
// that is above them ends with this program.
func place(credentials, answers int) error {
	credentials, err := moveUp(credentials)
	if err != nil {
		return err
	}
	fdio.CloseOnExec(credentialsFD)
	for i, fd := range []int{credentials, answers} {
		if err := unix.Dup2(fd, credentialsFD+i); err != nil {
			return fmt.Errorf("descriptor %d: %w", credentialsFD+i, err)
		}
	}
	return nil
}

// moveUp gives a descriptor a number above those that a program gets.
func moveUp(fd int) (int, error) {
	const above = 16
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, above)
	if err == unix.EINVAL {
		err = unix.EMFILE // the limit is lower
	}
	if err != nil {
		return -1, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	unix.Close(fd)
	return moved, nil
}
