// Package tlswrap puts TLS in a process of its own, between a customer's socket
// on descriptors 0 and 1 and a program that knows nothing of TLS. It owns the
// handshake, what the program is told of it in SSL_ variables, the shape of the
// records that the customer gets, and the separation of the two: the program can
// neither read the key nor reach into the process that holds it.
//
// TLS begins at once, or when the program asks for it by UCSPI-TLS. Everything is
// pumped through in flat memory, in both directions at once. Nothing here knows
// SMTP.
package tlswrap

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/confine"
	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/rights"
)

// handshakeTime bounds the handshake, however slowly the customer sends.
const handshakeTime = 60 * time.Second

// DefaultCertFile is where qmail's TLS patches keep chain and key, in one file.
const DefaultCertFile = "/var/qmail/control/servercert.pem"

// A Config says what Serve is to do. An empty KeyFile means that CertFile holds
// the key too; empty CAFile, Account or ProgramAccount mean none.
type Config struct {
	STARTTLS       bool     // offer TLS by UCSPI-TLS rather than begin it
	CertFile       string   // certificate and its chain, PEM
	KeyFile        string   // its key, PEM
	CAFile         string   // authorities that sign customers' certificates, PEM; or AnyClient
	Account        string   // that this process becomes, if it is root
	ProgramAccount string   // that the program runs as, if this process is root
	Program        []string // and its arguments
	Environ        []string // for the program, as ucspi.CleanEnviron returns it
	IP             string   // the customer's address, for the log
	Log            *logline.Logger
}

// A server is a Config at work.
type server struct {
	Config
	self, program *confine.User
	tls           *tls.Config // nil if it cannot be had
}

// Serve wraps the customer on descriptors 0 and 1 and returns the exit code: the
// program's, or 111 if that was not run.
func Serve(c Config) int {
	s := &server{Config: c}
	if err := s.prepare(); err != nil {
		return s.fail(err)
	}
	var err error
	s.tls, err = loadTLS(s.CertFile, cmp.Or(s.KeyFile, s.CertFile), s.CAFile, time.Now())
	if c.STARTTLS {
		s.report(err)
		return s.onRequest()
	}
	if err != nil {
		return s.fail(err)
	}
	return s.onConnect()
}

// report logs an error, if there is one.
func (s *server) report(err error) {
	if err != nil {
		s.Log.Event("error", logline.F("ip", s.IP), logline.Err(err))
	}
}

func (s *server) fail(err error) int {
	s.report(err)
	return child.ExitTemporary
}

// prepare does what must come before the key is read.
func (s *server) prepare() error {
	if err := rights.KeepSecret(); err != nil {
		return fmt.Errorf("cannot hide from other processes: %w", err)
	}
	fdio.CloseOnExec(3)
	var err error
	if s.self, err = confine.LookUp(s.Account); err != nil {
		return err
	}
	if s.program, err = confine.LookUp(s.ProgramAccount); err != nil {
		return err
	}
	if s.self != nil && s.self.UID == 0 {
		return fmt.Errorf("account %s is root: TLS needs one with no rights", s.Account)
	}
	if uid := s.self.EffectiveUID(); os.Geteuid() == 0 && uid == s.program.EffectiveUID() {
		s.report(fmt.Errorf("TLS and the program both run as user %d: nothing keeps them apart", uid))
	}
	return nil
}

// onConnect begins TLS at once and gives the program the plain side.
func (s *server) onConnect() int {
	plain, theirs, err := fdio.Pair()
	if err != nil {
		return s.fail(err)
	}
	run, err := s.arrange([]uintptr{uintptr(theirs), uintptr(theirs), 2})
	if err != nil {
		return s.fail(err)
	}
	outer, conn, err := s.handshake()
	if err != nil {
		return s.fail(err)
	}
	program, err := run(variables(conn.ConnectionState()))
	if err != nil {
		return s.fail(err)
	}
	unix.Close(theirs)
	return s.carry(tunnel{outer, conn, plain, program.Ended()}, program)
}

// arrange returns what runs the program with the variables that the handshake
// will find. If there are rights to give up, they are gone afterwards.
func (s *server) arrange(files []uintptr) (run func([]string) (*child.Child, error), err error) {
	if s.self == nil {
		return func(list []string) (*child.Child, error) {
			return start(s.Program, append(s.Environ, list...), files, s.program)
		}, nil
	}
	waiting, then, err := startLater(s.Program, s.Environ, files, s.program)
	if err != nil {
		return nil, err
	}
	if err := s.self.Enter(); err != nil {
		return nil, err
	}
	return func(list []string) (*child.Child, error) { return waiting, then(list) }, nil
}

func (s *server) handshake() (*socket, *tls.Conn, error) {
	fdio.KeepAlive(0)
	return handshake(newSocket(0, 1), s.tls, time.Now().Add(handshakeTime))
}

func handshake(outer *socket, config *tls.Config, deadline time.Time) (*socket, *tls.Conn, error) {
	_ = outer.SetDeadline(deadline)
	conn := tls.Server(outer, config)
	if err := conn.Handshake(); err != nil {
		return nil, nil, fmt.Errorf("TLS handshake: %w", err)
	}
	_ = outer.SetDeadline(time.Time{})
	return outer, conn, nil
}

func (s *server) carry(t tunnel, p *child.Child) int {
	code, err := t.carry(p)
	s.report(err)
	return code
}
