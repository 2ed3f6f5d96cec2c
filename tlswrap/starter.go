package tlswrap

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/confine"
	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/ucspi"
)

// StarterName is argument 0 of a process that is to run Starter.
const StarterName = "vodmr-tls-starter"

// starterFD is the pipe on which a starter gets the handshake's variables.
const starterFD = 3

// startLater runs this very program again as a starter. Only root can start a
// program as another user, and root must not read what a stranger sends: so the
// starter is made first, and waits for what the handshake finds while this
// process, root no more, goes through it. then tells the starter to begin.
func startLater(argv, environ []string, files []uintptr, as *confine.User) (p *child.Child, then func([]string) error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	r, w, err := fdio.Pipe()
	if err != nil {
		return nil, nil, err
	}
	argv = append([]string{StarterName}, argv...)
	p, err = startPath(self, argv, environ, append(files, uintptr(r)), as)
	unix.Close(r)
	if err != nil {
		unix.Close(w)
		return nil, nil, err
	}
	return p, func(list []string) error {
		defer unix.Close(w)
		return fdio.WriteAll(w, ucspi.Encode(list))
	}, nil
}

// Starter waits for the variables of a handshake on descriptor 3, then becomes
// argv. It returns an exit code if it cannot, or if no handshake was made.
func Starter(argv, environ []string, log *logline.Logger) int {
	unix.CloseOnExec(starterFD)
	list, err := ucspi.ReadList(fdio.New(starterFD, starterFD))
	if errors.Is(err, ucspi.ErrNoHandshake) {
		return child.ExitTemporary // vodmr-tls has logged why
	}
	if err != nil {
		log.Event("error", logline.Err(err))
		return child.ExitTemporary
	}
	path, err := child.LookPath(argv[0], os.Getenv("PATH"))
	if err == nil {
		err = fmt.Errorf("%s: %w", path, syscall.Exec(path, argv, append(environ, list...)))
	}
	log.Event("error", logline.Err(err))
	return child.ExitTemporary
}

// start runs argv[0], looked for in PATH, with these descriptors and no others.
func start(argv, environ []string, files []uintptr, as *confine.User) (*child.Child, error) {
	path, err := child.LookPath(argv[0], os.Getenv("PATH"))
	if err != nil {
		return nil, err
	}
	return startPath(path, argv, environ, files, as)
}

func startPath(path string, argv, environ []string, files []uintptr, as *confine.User) (*child.Child, error) {
	return child.Start(path, argv, &syscall.ProcAttr{
		Env:   environ,
		Files: files,
		Sys:   &syscall.SysProcAttr{Credential: as.Credential()},
	})
}
