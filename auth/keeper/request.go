package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/auth"
	"vodmr/internal/fdio"
	"vodmr/internal/ucspi"
	"vodmr/internal/verdict"
)

// vodmr has two processes until the login. The talker alone reads what the customer sends,
// with no rights at all. The keeper touches no byte of it, and does what needs rights: it
// begins TLS, and it becomes the checkpassword program. Between them are two pipes.
//
// A request is one byte. For a login the length of the credentials follows, in two bytes, and
// the credentials. Those of EXTERNAL have neither secret nor challenge: the keeper knows the
// key. The answer to the first two requests is one byte. The answer to a login is the verdict
// of the programs that the keeper becomes.
const (
	requestOpen     = 'o' // is TLS still to be had?
	requestTLS      = 's' // begin TLS
	requestLogin    = 'l'
	requestExternal = 'x' // log in by the certificate that came
)

const (
	answerNo       = 'n'
	answerYes      = 'y'
	answerExternal = 'x' // yes, and AUTH EXTERNAL works now
)

// A Desk is where the talker asks the keeper. It is a TLSOffer.
type Desk struct {
	requests, answers int
	plain             [2]int // descriptors to read and write inside TLS; -1 without a TLS program
	conn              *fdio.Conn
	customer          *fdio.Conn
	external          bool // TLS has begun, and AUTH EXTERNAL works
}

// Descriptors of the talker beyond the first three.
const (
	deskRequests = 3
	deskAnswers  = 4
	deskRead     = 5 // only with a TLS program
	deskWrite    = 6
)

// NewDesk is the desk of a process that a Keeper started as its talker. tls says that there
// is a TLS program.
func NewDesk(tls bool) *Desk {
	d := &Desk{requests: deskRequests, answers: deskAnswers, plain: [2]int{-1, -1}}
	if tls {
		d.plain = [2]int{deskRead, deskWrite}
	}
	d.conn = fdio.New(d.answers, d.requests)
	return d
}

// Customer is the connection on descriptors 0 and 1. Up to a login, a wait for the customer
// ends with fdio.ErrWoken if the keeper ends.
func (d *Desk) Customer() *fdio.Conn {
	d.customer = fdio.New(0, 1)
	d.customer.Wake(d.answers)
	return d.customer
}

// Open reports if the TLS program is still there.
func (d *Desk) Open() bool {
	answer, err := d.ask([]byte{requestOpen}, time.Now().Add(time.Minute))
	return err == nil && answer == answerYes
}

// Begin has the TLS program shake hands, and puts its plain side on descriptors 0 and 1.
func (d *Desk) Begin(until time.Time) (auth.Connection, error) {
	// The keeper gives up first, and says why.
	answer, err := d.ask([]byte{requestTLS}, until.Add(time.Second))
	if err != nil {
		return nil, fmt.Errorf("waiting for the handshake: %w", err)
	}
	d.external = answer == answerExternal
	if answer != answerYes && !d.external {
		return nil, ucspi.ErrNoHandshake
	}
	if err := onto(d.plain); err != nil {
		return nil, err
	}
	return d.Customer(), nil
}

// External reports, once TLS has begun, if AUTH EXTERNAL works.
func (d *Desk) External() bool { return d.external }

// onto puts two descriptors in the places of 0 and 1.
func onto(sides [2]int) error {
	for fd, side := range sides {
		if err := unix.Dup2(side, fd); err != nil {
			return fmt.Errorf("descriptor %d: %w", side, err)
		}
	}
	for _, side := range sides {
		unix.Close(side)
	}
	return nil
}

// Check has the checkpassword program decide. A nil error is a login: another program has
// the connection from then on. An error that wraps auth.ErrRefused is a refusal, any other is
// trouble. Nothing can be asked afterwards: the keeper is another program.
func (d *Desk) Check(c auth.Credentials, until time.Time) error {
	answer, err := d.ask(loginRequest(c), until)
	begun := false
	for err == nil && verdict.Verdict(answer) == verdict.Begun {
		begun = true
		answer, err = d.hear()
	}
	if d.customer != nil {
		d.customer.Wake() // the keeper is gone, and the customer still has to hear of it
	}
	switch {
	case err == io.EOF && begun:
		return errors.New("the checkpassword program, or the one behind it, ended without a verdict: its own line, just before, says why")
	case err == io.EOF, err == nil && verdict.Verdict(answer) == verdict.Refused:
		return fmt.Errorf("%w by the checkpassword program", auth.ErrRefused)
	case err == fdio.ErrTimeout:
		// What answers later must find that nobody waits for it.
		unix.Close(d.answers)
		return errors.New("the checkpassword program did not answer in time")
	case err != nil:
		return err
	}
	return verdict.Verdict(answer).Err()
}

func (d *Desk) ask(request []byte, until time.Time) (answer byte, err error) {
	_ = d.conn.SetDeadline(until)
	if _, err := d.conn.Write(request); err != nil {
		return 0, fmt.Errorf("asking vodmr's other process: %w", err)
	}
	return d.hear()
}

// hear waits for a byte of the keeper, or of what it became.
func (d *Desk) hear() (answer byte, err error) {
	var b [1]byte
	_, err = d.conn.Read(b[:])
	return b[0], err
}

func loginRequest(c auth.Credentials) []byte {
	text := c.Bytes()
	kind := byte(requestLogin)
	if c.External {
		kind = requestExternal
	}
	request := binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(text)))
	return append(request, text...)
}

// readCredentials reads what follows requestLogin. The talker may be in a stranger's hands:
// anything but three fields in the room that every checkpassword program has is an error.
func readCredentials(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > auth.MaxCredentials {
		return nil, errBadRequest
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	if strings.Count(string(text), "\x00") != 3 || text[n-1] != 0 {
		return nil, errBadRequest
	}
	return text, nil
}

// errBadRequest is something that our talker never asks.
var errBadRequest = errors.New("vodmr's talker asked for something that it cannot have: it may be in a stranger's hands")
