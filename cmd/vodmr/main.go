// Vodmr greets a customer of an on-demand mail relay (RFC 2645) on descriptors
// 0 and 1, asks who it is, and has a checkpassword program decide. That program
// runs vodmr-relay after a right password, and the connection is then
// vodmr-relay's. Vodmr knows nothing of mail.
package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/auth"
	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/nets"
	"vodmr/internal/ucspi"
	"vodmr/internal/version"
)

const (
	exitMisuse = 100
	usage      = "usage: vodmr [-p port] [-t seconds] [-T] [-C] [-P NET[,NET...]] HOST PROG ARG...\n" +
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
	var quiet nets.Nets
	if list := os.Getenv("VODMR_QUIET"); list != "" && err == nil {
		if quiet, err = nets.Parse(list); err != nil {
			err = errors.New("VODMR_QUIET: " + err.Error())
		}
	}
	if err != nil {
		_ = fdio.WriteAll(2, []byte("vodmr: "+err.Error()+"\n"+usage))
		return exitMisuse
	}
	// The starter may have left open a lock or a log, which are not for a program that
	// strangers speak to. A program gets 0, 1, 2 and what is made for it.
	fdio.CloseOnExec(3)
	// A core file of this program or of those behind it would hold secrets.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	fdio.KeepAlive(0)
	fdio.UserTimeout(0) // up to the login the customer only reads replies

	p := program(o, environ)
	var child *child.Child
	s := auth.NewSession(o.host, fdio.New(0, 1))
	s.Limit, s.NeedTLS, s.NoCRAM = o.limit, o.needTLS, o.noCRAM
	s.Log, s.IP = logline.New(2, "vodmr", p.Session), os.Getenv("TCPREMOTEIP")
	s.Trusted, s.Quiet = o.trusted.Contain(s.IP), quiet.Contain(s.IP)
	s.TLS = os.Getenv("SSL_PROTOCOL") != ""
	s.Check = func(c auth.Credentials, until time.Time) (err error) {
		child, err = p.Check(c, until)
		return err
	}
	if w := auth.FindWrapper(os.Getenv); w != nil {
		// TLS is still to begin, so no word about it can be true.
		p.Environ = slices.DeleteFunc(p.Environ, ucspi.IsVariable)
		w.Found = func(variables []string) { p.Environ = append(p.Environ, variables...) }
		s.TLS, s.Offer = false, w
	}
	if !s.Serve() {
		return 0
	}
	// The connection is the program's now: the customer must see its end when
	// the program closes it.
	fdio.Close(0)
	fdio.Close(1)
	return child.ExitCode()
}

// program returns the checkpassword program that the options name.
func program(o flags, environ []string) auth.Program {
	port := ""
	if o.port != 0 {
		port = strconv.Itoa(o.port)
	}
	return auth.Program{Argv: o.prog, Environ: environ, Host: o.host, Session: logline.Session(), Port: port}
}
