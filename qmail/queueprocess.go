package qmail

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/starter"
	"vodmr/internal/sys"
)

var (
	// errGone: the program closed its input. Its exit code says why.
	errGone    = errors.New("qmail-queue stopped reading")
	errTimeout = errors.New("qmail-queue timed out")
)

const (
	none    = -1   // a descriptor that is closed
	maxText = 1000 // bytes kept of what the program writes to descriptor 6
)

// A queueProcess is a running qmail-queue and our ends of its pipes. They are
// ours alone, so they may be non-blocking.
type queueProcess struct {
	program  running // nil once reaped
	message  int
	envelope int
	text     int
	custom   []byte
	cause    error // why its starter does not know how it ended; nil if it does
	timeout  time.Duration
}

// start runs the program: the message on descriptor 0, the envelope on 1, the
// log on 2, its own error text on 6. All between and above is closed.
func (q Queue) start() (*queueProcess, error) {
	p := &queueProcess{message: none, envelope: none, text: none, timeout: q.Timeout}
	if p.timeout <= 0 {
		p.timeout = DefaultTimeout
	}
	theirs := [3]int{none, none, none}
	defer func() { sys.Close(theirs[:]...) }()
	var errs [3]error
	theirs[0], p.message, errs[0] = fdio.Pipe()
	theirs[1], p.envelope, errs[1] = fdio.Pipe()
	p.text, theirs[2], errs[2] = fdio.Pipe()
	err := errors.Join(errs[:]...)
	for _, fd := range []int{p.message, p.envelope, p.text} {
		if err == nil {
			err = unix.SetNonblock(fd, true)
		}
	}
	if err == nil {
		err = p.exec(q, theirs)
	}
	if err != nil {
		p.release()
		return nil, err
	}
	return p, nil
}

// running is a program that this process started, or a starter.
type running interface {
	Ended() int
	Wait() unix.WaitStatus
	Kill()
	Close()
}

// exec starts the program with the far ends of the pipes.
func (p *queueProcess) exec(q Queue, theirs [3]int) error {
	c := q.command()
	if q.starter != nil {
		return p.ask(q.starter, c, theirs)
	}
	const closed = ^uintptr(0)
	started, err := child.Start(c.Path, c.Argv, &syscall.ProcAttr{
		Dir: c.Dir,
		Env: c.Environ,
		Files: []uintptr{uintptr(theirs[0]), uintptr(theirs[1]), 2,
			closed, closed, closed, uintptr(theirs[2])},
	})
	if err != nil {
		return err
	}
	p.program = started
	return nil
}

// ask has the starter start the program. What keeps it from running is found out here: the
// starter cannot say it.
func (p *queueProcess) ask(s *starter.Starter, c starter.Command, theirs [3]int) error {
	if err := child.Executable(sys.Join(c.Dir, c.Path)); err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	started, err := s.Start(theirs)
	if err != nil {
		return err
	}
	p.program = started
	return nil
}

// command is how the program is run.
func (q Queue) command() starter.Command {
	program := cmp.Or(q.Program, "bin/qmail-queue")
	dir := q.Home
	if strings.HasPrefix(program, "/") && !isDir(dir) {
		dir = "/"
	}
	return starter.Command{Path: program, Argv: []string{program}, Dir: dir, Environ: syscall.Environ()}
}

// Path is the file that is run.
func (q Queue) Path() string {
	c := q.command()
	return sys.Join(c.Dir, c.Path)
}

// Fork makes a second process that starts the program, for a process that is about to give
// up the right to start any. Without a program there is nothing to do.
func (q *Queue) Fork() (err error) {
	if q.Program == "" && !OpenHome(q.Home).HasQueue() {
		return nil
	}
	q.starter, err = starter.Fork(q.command())
	return err
}

// Close ends what Fork made.
func (q *Queue) Close() {
	if q.starter != nil {
		q.starter.Close()
	}
}

// write writes all of b, waiting at most the timeout for each piece.
func (p *queueProcess) write(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := sys.RetryN(func() (int, error) { return unix.Write(fd, b) })
		switch err {
		case nil:
			b = b[n:]
		case unix.EAGAIN:
			if err := p.await(fd, unix.POLLOUT, time.Now().Add(p.timeout)); err != nil {
				return err
			}
		case unix.EPIPE:
			return errGone
		default:
			return fmt.Errorf("qmail-queue: write: %w", err)
		}
	}
	return nil
}

// await waits until a descriptor is ready, at most until end. The program's messages are read
// meanwhile: one that says much before it reads would wait for us.
func (p *queueProcess) await(fd int, events int16, end time.Time) error {
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(p.text), Events: unix.POLLIN}}
		ready, err := poll(fds, time.Until(end))
		if err != nil {
			return err
		}
		p.readText()
		if fds[0].Revents != 0 {
			return nil
		}
		if !ready || time.Now().After(end) {
			return errTimeout
		}
	}
}

// wait waits for the program's end and keeps what it says on descriptor 6. Something that
// it left behind may hold that open, so its end is not waited for. A poll that fails, for lack
// of memory, is tried again: the program may have queued the message, and is not to be killed.
func (p *queueProcess) wait() (unix.WaitStatus, error) {
	const tries, pause = 10, 100 * time.Millisecond
	end := time.Now().Add(p.timeout)
	for failures := 1; ; failures++ {
		err := p.await(p.program.Ended(), unix.POLLIN, end)
		if err == nil {
			return p.reap(), nil
		}
		if err == errTimeout || failures == tries {
			return p.end(err)
		}
		time.Sleep(pause)
	}
}

// end kills the program, because it is not waited for any longer. If it has ended by itself just
// then, its status counts: it may have queued the message, which must not go twice.
func (p *queueProcess) end(why error) (unix.WaitStatus, error) {
	p.program.Kill()
	if status := p.reap(); p.cause == nil && status.Exited() {
		return status, nil
	}
	return 0, why
}

// reap takes the exit status.
func (p *queueProcess) reap() unix.WaitStatus {
	status := p.program.Wait()
	if run, ok := p.program.(*starter.Run); ok {
		p.cause = run.Cause()
	}
	p.program.Close()
	p.program = nil
	return status
}

// readText reads what is there now of the program's own error text, keeps the
// start of it, and closes the pipe at its end. It stops after a while, since
// somebody might write for ever.
func (p *queueProcess) readText() {
	var buf [maxText]byte
	for range 100 {
		if p.text == none {
			return
		}
		n, err := sys.Read(p.text, buf[:])
		switch {
		case err == unix.EAGAIN:
			return
		case n <= 0:
			p.closeFD(&p.text)
		default:
			p.custom = append(p.custom, buf[:min(n, maxText-len(p.custom))]...)
		}
	}
}

// exitError judges how the program ended; nil is success.
func (p *queueProcess) exitError(status unix.WaitStatus) error {
	if p.cause != nil {
		return queueError(fmt.Errorf("qmail-queue: %w", p.cause))
	}
	if status.Signaled() {
		return &QueueError{Text: "qmail-queue was killed by signal " + status.Signal().String()}
	}
	if status.ExitStatus() != 0 {
		return exitCodeError(status.ExitStatus(), string(p.custom))
	}
	return nil
}

// release ends what is still there. The kill comes first: a program that sees
// the message end must not be left to think that this was all.
func (p *queueProcess) release() {
	if p.program != nil {
		p.program.Kill()
		p.reap()
	}
	p.closeFD(&p.message)
	p.closeFD(&p.envelope)
	p.closeFD(&p.text)
}

func (p *queueProcess) closeFD(fd *int) {
	sys.Close(*fd)
	*fd = none
}

// poll waits for events, at most for the time given. A descriptor of -1 has none.
func poll(fds []unix.PollFd, wait time.Duration) (ready bool, err error) {
	end := time.Now().Add(wait)
	n, err := sys.RetryN(func() (int, error) {
		left := max(time.Until(end), 0)
		return unix.Poll(fds, int((left+time.Millisecond-1)/time.Millisecond))
	})
	if err != nil {
		return false, fmt.Errorf("poll: %w", err)
	}
	return n > 0, nil
}
