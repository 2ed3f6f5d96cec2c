package tlswrap

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// exitTemporary is what this process exits with where the program could not be
// run, or was killed: try again later.
const exitTemporary = 111

// A program is the child that speaks in plain, or what it became.
type program struct {
	ended  int                  // end of file once the child was reaped
	status chan unix.WaitStatus // one status
}

// start runs argv[0], looked for in PATH, with these descriptors and no others.
func start(argv, environ []string, files []uintptr, as *account) (*program, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	return startPath(path, argv, environ, files, as)
}

func startPath(path string, argv, environ []string, files []uintptr, as *account) (*program, error) {
	ended, end, err := fdio.Pipe()
	if err != nil {
		return nil, err
	}
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   environ,
		Files: files,
		Sys:   &syscall.SysProcAttr{Credential: as.credential()},
	})
	if err != nil {
		unix.Close(ended)
		unix.Close(end)
		return nil, &exec.Error{Name: path, Err: err}
	}
	p := &program{ended: ended, status: make(chan unix.WaitStatus, 1)}
	go func() {
		p.status <- reap(pid)
		unix.Close(end)
	}()
	return p, nil
}

func reap(pid int) unix.WaitStatus {
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			return status
		}
	}
}

// wait waits for the program's end and returns the exit code to end with. It is
// called once.
func (p *program) wait() int {
	status := <-p.status
	if !status.Exited() {
		return exitTemporary
	}
	return status.ExitStatus()
}

// pair makes a socket pair that no program inherits unless it is given an end.
// Nothing else is started meanwhile.
func pair() (ours, theirs int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, -1, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return fds[0], fds[1], nil
}
