package tlswrap

import (
	"crypto/tls"
	"errors"
	"io"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
)

// A plainReader reads what the program writes. The stream ends when the program closes it.
// It also ends some time after the program has ended: something that it left behind may
// hold the other end open.
type plainReader struct {
	*fdio.Conn
	until time.Time
}

// leftTime is for how long a process that the program left behind may still speak. vodmr's
// talker tells a customer of a refused login then: a second after it, and in five more.
const leftTime = 10 * time.Second

// newPlainReader reads from a descriptor, until something can be read from ended.
func newPlainReader(fd, ended int) *plainReader {
	const longest = 1 << 62 // more than a century
	r := &plainReader{fdio.New(fd, fd), time.Now().Add(longest)}
	r.Wake(ended)
	return r
}

func (r *plainReader) Read(p []byte) (int, error) {
	for {
		if _, err := r.Rest(r.until); err != nil {
			return 0, err
		}
		n, err := r.Conn.Read(p)
		switch err {
		case fdio.ErrWoken: // the program has ended
			r.Wake()
			r.until = time.Now().Add(leftTime)
			_ = r.SetDeadline(r.until)
		case fdio.ErrTimeout:
			return 0, io.EOF
		default:
			return n, err
		}
	}
}

// flushTime is how long the customer may take, once the program has ended, for
// what that had to say.
const flushTime = 60 * time.Second

// lingerTime is how long this process waits for the customer to close too. To
// close a socket at once would reset the connection if the customer still sends,
// and could cost it the end of what it was sent.
const lingerTime = 5 * time.Second

// A tunnel is TLS on one side and the program on the other.
type tunnel struct {
	outer *socket // below customer
	tls   *tls.Conn
	plain int
	ended int // the program's Ended
}

// carry pumps both ways until the program has ended, and returns its exit code
// and what went wrong with TLS itself.
//
// SIGTERM is for the program: a service manager sends it to all processes of a session, and
// vodmr-relay then says QUIT, which must still reach the customer.
func (t tunnel) carry(p *child.Child) (code int, err error) {
	signal.Ignore(unix.SIGTERM)
	toCustomer, toProgram := make(chan error, 1), make(chan error, 1)
	go func() { toCustomer <- t.toCustomer() }()
	go func() { toProgram <- t.toProgram() }()
	code = p.ExitCode()
	select {
	case err = <-toCustomer:
	case <-time.After(flushTime):
		return code, errors.New("the customer did not take the rest of what the program wrote")
	}
	select {
	case inErr := <-toProgram:
		err = errors.Join(err, inErr)
	case <-time.After(lingerTime):
	}
	return code, err
}

// toCustomer sends what the program writes. If the customer takes no more, the
// program's next write fails, as it would on the customer's own socket.
func (t tunnel) toCustomer() error {
	in := newPlainReader(t.plain, t.ended)
	block := make([]byte, blockSize)
	for {
		n, err := in.Read(block)
		if err != nil && fault(err) == nil {
			break
		}
		if err != nil {
			return t.giveUp(err)
		}
		if err := writeBlock(t.tls, block[:n]); err != nil {
			_ = unix.Shutdown(t.plain, unix.SHUT_RD)
			if err = fault(err); err != nil {
				return t.giveUp(err)
			}
			return nil
		}
	}
	err := t.tls.CloseWrite()
	t.outer.endWrite()
	return fault(err)
}

// giveUp ends both sides if the trouble is here: the customer is there, and would
// wait for the program, which waits for the customer.
func (t tunnel) giveUp(err error) error {
	_ = t.outer.Close()
	_ = unix.Shutdown(t.plain, unix.SHUT_WR)
	return err
}

// toProgram hands on what the customer sends, up to the end, which the program
// sees as end of file. If more comes after the program has stopped to listen, it is
// thrown away, so that the connection can end without a reset.
func (t tunnel) toProgram() error {
	out := fdio.New(t.plain, t.plain)
	var deaf error
	buf := make([]byte, 16<<10)
	for {
		n, err := t.tls.Read(buf)
		if n > 0 && deaf == nil {
			if _, deaf = out.Write(buf[:n]); fault(deaf) != nil {
				return t.giveUp(deaf)
			}
		}
		if err != nil {
			_ = unix.Shutdown(t.plain, unix.SHUT_WR)
			return fault(err)
		}
	}
}

// fault returns err if it is about TLS or this system, and nil if the customer, or the
// program, is just gone. Many leave without TLS's own goodbye; SMTP says what is
// complete.
func fault(err error) error {
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fdio.ErrTimeout)
	if ended || fdio.PeerGone(err) {
		return nil
	}
	return err
}

// maxRecord is the most that one record carries, in bytes, so that it stays below
// 8000 on the wire too: fetchmail 6.4.37 reads 8192 at a time, forgets what its
// TLS library still holds of a longer record, and hangs.
const maxRecord = 7936

// blockSize is the most that is read from the program at once.
const blockSize = 32 << 10

// writeBlock sends a block to w, which makes one record of each Write. The last
// byte goes in a record of its own: fetchmail 6.4.37 takes one line for each
// record that arrives, so that the last line of a record with several would
// wait for a record that never comes.
func writeBlock(w io.Writer, block []byte) error {
	last := len(block) - 1
	for start := 0; start < last; start += maxRecord {
		if _, err := w.Write(block[start:min(start+maxRecord, last)]); err != nil {
			return err
		}
	}
	_, err := w.Write(block[last:])
	return err
}
