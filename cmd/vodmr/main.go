// Vodmr greets a customer of an on-demand mail relay (RFC 2645) on descriptors
// 0 and 1, asks who it is, and has a checkpassword program decide. That program
// runs vodmr-relay after a right password, and the connection is then
// vodmr-relay's. Vodmr knows nothing of mail.
package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/auth"
	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/version"
	"vodmr/smtp"
)

const (
	exitMisuse = 100
	usage      = "usage: vodmr [-p port] [-t seconds] [-T] HOST PROG ARG...\n" +
		"       vodmr -h | -V\nsee vodmr(8)\n"
)

func main() {
	os.Exit(run(os.Args[1:], os.Environ()))
}

// run serves the customer on descriptors 0 and 1 and returns vodmr's exit code.
func run(args, environ []string) int {
	if text := version.Answer("vodmr", usage, args); text != "" {
		_ = fdio.WriteAll(1, []byte(text))
		return 0
	}
	o, err := parseOptions(args)
	if err != nil {
		_ = fdio.WriteAll(2, []byte("vodmr: "+err.Error()+"\n"+usage))
		return exitMisuse
	}
	// What the starter left open, a lock or a log perhaps, is not for a program that
	// strangers speak to. A program gets 0, 1, 2 and what is made for it.
	fdio.CloseOnExec(3)
	// A core file of this program or of those behind it would hold secrets.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	fdio.KeepAlive(0)
	fdio.UserTimeout(0) // up to the login the customer only reads replies

	p := program(o, environ)
	check := func(c auth.Credentials, until time.Time) (*auth.Child, error) { return p.Check(c, until) }
	s := newSession(o, fdio.New(0, 1), check)
	s.log = logline.New(2, "vodmr", logline.Session())
	s.ip = os.Getenv("TCPREMOTEIP")
	s.tls = os.Getenv("SSL_PROTOCOL") != ""
	if w := findWrapper(os.Getenv, func(found []string) { p.Environ = append(p.Environ, found...) }); w != nil {
		// Where TLS is still to begin, no word about it can be true.
		p.Environ = slices.DeleteFunc(p.Environ, isTLSVariable)
		s.tls, s.offer = false, w
	}

	child := s.serve()
	if child == nil {
		return 0
	}
	// The connection is the program's now: the customer must see its end when
	// the program closes it.
	unix.Close(0)
	unix.Close(1)
	return child.Wait()
}

// program returns the checkpassword program that the options name.
func program(o options, environ []string) auth.Program {
	port := strconv.Itoa(o.port)
	if o.port == 0 {
		port = ""
	}
	return auth.Program{
		Argv:    o.prog,
		Environ: withOneProcessor(environ),
		Host:    o.host,
		Session: logline.Session(),
		Port:    port,
	}
}

// withOneProcessor adds what makes Go's runtime in vodmr-relay use one processor,
// unless the administrator chose. It does one thing at a time: more would only
// cost threads, each time that it starts and as long as it waits.
func withOneProcessor(environ []string) []string {
	const name = "GOMAXPROCS="
	chosen := slices.ContainsFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, name) })
	if chosen {
		return environ
	}
	return append(slices.Clip(environ), name+"1")
}

// newSession makes a session over a connection.
func newSession(o options, conn connection, check checkFunc) *session {
	s := &session{
		options: o,
		server:  smtp.NewServer(conn),
		check:   check,
		sleep:   time.Sleep,
		now:     time.Now,
	}
	s.client = auth.Client{Server: s.server, Pending: conn.Pending}
	s.mechanisms = []auth.Mechanism{
		auth.CRAMMD5(o.host, func() time.Time { return s.now() }), auth.Plain(), auth.Login(),
	}
	return s
}
