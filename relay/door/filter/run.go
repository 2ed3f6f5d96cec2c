package filter

import (
	"fmt"
	"io"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

const maxPending = 64 << 10 // bytes that a side has not taken; then the other is not read

// Run starts the server in the file path with a socket in place of descriptors 0 and 1, and
// passes the bytes of our own 0 and 1 to and fro until the server ends. It returns the
// server's exit code. The error says why the server could not be run, or why the session
// ended although neither side had ended it.
func Run(d *Dialogue, path string, argv, environ []string) (code int, err error) {
	ours, its, err := fdio.Pair()
	if err != nil {
		return child.ExitTemporary, err
	}
	server, err := child.Start(path, argv, &syscall.ProcAttr{Env: environ, Files: []uintptr{uintptr(its), uintptr(its), 2}})
	fdio.Close(its)
	if err != nil {
		fdio.Close(ours)
		return child.ExitTemporary, err
	}
	p := &pump{dialogue: d, client: fdio.New(0, 1), server: fdio.New(ours, ours), serverFD: ours}
	for p.turn(server.Ended()) {
	}
	fdio.Close(ours)
	return server.ExitCode(), p.err
}

// A pump passes the bytes of both sides to the Dialogue and from it.
type pump struct {
	dialogue           *Dialogue
	client, server     *fdio.Conn
	serverFD           int
	toServer, toClient []byte
	clientEnded        bool // it says nothing more
	clientGone         bool // it takes nothing more
	serverDeaf         bool // it takes nothing more
	ended              bool // nothing more goes to the server, which knows it
	serverEnded        bool
	err                error // the first that is not a side's end
	buf                [16 << 10]byte
}

// turn does what can be done after one wait. It returns false when all is done.
func (p *pump) turn(ended int) bool {
	if p.serverEnded && (len(p.toClient) == 0 || p.clientGone) {
		return false
	}
	fds := []unix.PollFd{
		{Fd: 0, Events: when(!p.clientEnded && !p.serverEnded && p.dialogue.Reads() && len(p.toServer) < maxPending, unix.POLLIN)},
		{Fd: 1, Events: when(len(p.toClient) > 0, unix.POLLOUT)},
		{Fd: int32(p.serverFD), Events: when(!p.serverEnded && len(p.toClient) < maxPending, unix.POLLIN) |
			when(len(p.toServer) > 0, unix.POLLOUT)},
		{Fd: int32(ended), Events: when(!p.serverEnded && len(p.toClient) < maxPending, unix.POLLIN)},
	}
	for i := range fds {
		if fds[i].Events == 0 {
			fds[i].Fd = -1
		}
	}
	if err := sys.Retry(func() error { _, err := unix.Poll(fds, -1); return err }); err != nil {
		p.note(err)
		return false
	}
	p.write(fds[1].Revents != 0, fds[2].Revents&^unix.POLLIN != 0)
	if fds[2].Revents&^unix.POLLOUT != 0 && fds[2].Events&unix.POLLIN != 0 {
		p.readServer()
	} else if fds[3].Revents != 0 && !fdio.Readable(time.Now(), p.serverFD) {
		// It said nothing more since poll looked at the socket. The socket's end is not
		// waited for, as something that the server left behind may hold it.
		p.endServer()
	}
	if fds[0].Revents != 0 {
		p.readClient()
	}
	p.tell()
	return true
}

func when(is bool, events int16) int16 {
	if is {
		return events
	}
	return 0
}

// write writes what the sides take.
func (p *pump) write(client, server bool) {
	if client && len(p.toClient) > 0 {
		n, _, err := p.client.Exchange(p.toClient, nil)
		p.toClient = p.toClient[n:]
		p.clientGone = p.note(err) || p.clientGone
	}
	if server && len(p.toServer) > 0 {
		n, _, err := p.server.Exchange(p.toServer, nil)
		p.toServer = p.toServer[n:]
		p.serverDeaf = p.note(err) || p.serverDeaf
	}
	if p.clientGone {
		p.toClient, p.clientEnded = nil, true
	}
	if p.serverDeaf {
		p.toServer = nil
	}
}

func (p *pump) readClient() {
	_, n, err := p.client.Exchange(nil, p.buf[:])
	p.clientEnded = p.note(err) || p.clientEnded
	toServer, toClient := p.dialogue.FromClient(p.buf[:n])
	p.add(toServer, toClient)
}

func (p *pump) readServer() {
	_, n, err := p.server.Exchange(nil, p.buf[:])
	toClient, toServer := p.dialogue.FromServer(p.buf[:n])
	p.add(toServer, toClient)
	if p.note(err) {
		p.endServer()
	}
}

// note reports if there is an error, and keeps it if it is not the end of a side.
func (p *pump) note(err error) bool {
	if p.err == nil && err != nil && err != io.EOF && !fdio.PeerGone(err) {
		p.err = fmt.Errorf("the session is lost: %w", err)
	}
	return err != nil
}

// endServer takes the server's last bytes.
func (p *pump) endServer() {
	p.add(nil, p.dialogue.ServerEnded())
	p.serverEnded, p.toServer = true, nil
}

func (p *pump) add(toServer, toClient []byte) {
	if !p.serverDeaf {
		p.toServer = append(p.toServer, toServer...)
	}
	if !p.clientGone {
		p.toClient = append(p.toClient, toClient...)
	}
}

// tell tells the server that the client has ended, once it has got all of its bytes. It is
// also the end if some bytes could not be written: server and client would wait for each other.
func (p *pump) tell() {
	complete := p.clientEnded && len(p.toServer) == 0 && !p.dialogue.HasHeld()
	if (complete || p.serverDeaf) && !p.ended && !p.serverEnded {
		p.ended = true
		_ = unix.Shutdown(p.serverFD, unix.SHUT_WR)
	}
}
