package filter

import (
	"errors"
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
// server's exit code.
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
	p := &pump{dialogue: d, client: side{conn: fdio.New(0, 1)}, server: side{conn: fdio.New(ours, ours)}, serverFD: ours}
	for p.turn(server.Ended()) {
	}
	fdio.Close(ours)
	return server.ExitCode(), nil
}

// A pump passes the bytes of both sides to the Dialogue and from it.
type pump struct {
	dialogue       *Dialogue
	client, server side
	serverFD       int
	clientEnded    bool // it says nothing more
	serverEnded    bool
	ended          bool // the server was told that the client has ended
	buf            [16 << 10]byte
}

// A side is the client or the server.
type side struct {
	conn    *fdio.Conn
	pending []byte // what it is to get
	deaf    bool   // it takes nothing more
}

func (s *side) add(p []byte) {
	if !s.deaf {
		s.pending = append(s.pending, p...)
	}
}

// write writes what the side takes.
func (s *side) write() {
	if len(s.pending) == 0 {
		return
	}
	n, _, err := s.conn.Exchange(s.pending, nil)
	s.pending = s.pending[n:]
	if err != nil {
		s.pending, s.deaf = nil, true
	}
}

// turn does what can be done after one wait. It returns false when all is done.
func (p *pump) turn(ended int) bool {
	if p.serverEnded && len(p.client.pending) == 0 {
		return false
	}
	fds := []unix.PollFd{
		{Fd: 0, Events: when(!p.clientEnded && !p.serverEnded && p.dialogue.Reads() && len(p.server.pending) < maxPending, unix.POLLIN)},
		{Fd: 1, Events: when(len(p.client.pending) > 0, unix.POLLOUT)},
		{Fd: int32(p.serverFD), Events: when(!p.serverEnded && len(p.client.pending) < maxPending, unix.POLLIN) |
			when(len(p.server.pending) > 0, unix.POLLOUT)},
		{Fd: int32(ended), Events: when(!p.serverEnded && len(p.client.pending) < maxPending, unix.POLLIN)},
	}
	for i := range fds {
		if fds[i].Events == 0 {
			fds[i].Fd = -1
		}
	}
	if err := sys.Retry(func() error { _, err := unix.Poll(fds, -1); return err }); err != nil {
		return false
	}
	if fds[1].Revents != 0 {
		p.client.write()
		p.clientEnded = p.clientEnded || p.client.deaf
	}
	if fds[2].Revents&^unix.POLLIN != 0 {
		p.server.write()
	}
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

func (p *pump) readClient() {
	_, n, err := p.client.conn.Exchange(nil, p.buf[:])
	p.clientEnded = p.clientEnded || err != nil && !errors.Is(err, fdio.ErrTimeout)
	toServer, toClient := p.dialogue.FromClient(p.buf[:n])
	p.server.add(toServer)
	p.client.add(toClient)
}

func (p *pump) readServer() {
	_, n, err := p.server.conn.Exchange(nil, p.buf[:])
	toClient, toServer := p.dialogue.FromServer(p.buf[:n])
	p.server.add(toServer)
	p.client.add(toClient)
	if err != nil {
		p.endServer()
	}
}

// endServer takes the server's last bytes.
func (p *pump) endServer() {
	p.client.add(p.dialogue.ServerEnded())
	p.serverEnded, p.server.pending = true, nil
}

// tell tells the server that the client has ended, once it has got all of its bytes. It is
// also the end if some bytes could not be written: server and client would wait for each other.
func (p *pump) tell() {
	complete := p.clientEnded && len(p.server.pending) == 0 && !p.dialogue.HasHeld()
	if (complete || p.server.deaf) && !p.ended && !p.serverEnded {
		p.ended = true
		_ = unix.Shutdown(p.serverFD, unix.SHUT_WR)
	}
}
