package tlswrap

import (
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
)

// StarterName is argument 0 of a process that is to run Starter.
const StarterName = "vodmr-tls-starter"

// starterFD is the pipe on which a starter gets the handshake's variables.
const starterFD = 3

// maxVariables bounds these in bytes; a certificate's subject may be long.
const maxVariables = 128 << 10

// startLater runs this very program again as a starter. Only root can start a
// program as another user, and root must not read what a stranger sends: so the
// starter is made first, and waits for what the handshake finds while this
// process, root no more, goes through it. then tells the starter to begin.
func startLater(argv, environ []string, files []uintptr, as *account) (p *program, then func([]string) error, err error) {
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
		if list == nil {
			return nil
		}
		return fdio.WriteAll(w, encode(list))
	}, nil
}

// Starter waits for the variables of a handshake on descriptor 3, then becomes
// argv. It returns an exit code where it cannot, or where no handshake was made.
func Starter(argv, environ []string, log *logline.Logger) int {
	unix.CloseOnExec(starterFD)
	list, ok := readVariables(fdio.New(starterFD, starterFD))
	if !ok {
		return exitTemporary
	}
	path, err := exec.LookPath(argv[0])
	if err == nil {
		err = &exec.Error{Name: path, Err: syscall.Exec(path, argv, append(environ, list...))}
	}
	log.Event("error", logline.Err(err))
	return exitTemporary
}

// readVariables reads up to the empty variable that ends the list.
func readVariables(r io.Reader) (list []string, ok bool) {
	var text []byte
	buf := make([]byte, 4096)
	for len(text) < maxVariables {
		n, err := r.Read(buf)
		text = append(text, buf[:n]...)
		if list, ok = decode(text); ok {
			return list, true
		}
		if err != nil {
			return nil, false
		}
	}
	return nil, false
}
