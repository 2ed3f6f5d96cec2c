// Vodmr-proxy reads the PROXY header of a balancer on descriptor 0, writes the customer's
// address into the environment, and becomes the program that it was given. See
// vodmr-proxy(8).
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"vodmr/internal/child"
	"vodmr/internal/confine"
	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/proxyheader"
)

const program = "vodmr-proxy"

const (
	exitClosed    = 1 // the connection is closed: it is no trusted balancer's, or has no right header
	exitMisuse    = 100
	exitTemporary = 111
)

const (
	// headerTime is how long a balancer may take for its header.
	headerTime = 5 * time.Second
	// checkTime is how long a header may take to begin on a connection from a place of
	// health checks. A balancer sends it at once, and a check without one waits for the
	// greeting, two seconds by HAProxy's default.
	checkTime = time.Second
)

func main() {
	// This process becomes another program on this thread. The thread that starts the reader is
	// another, which can gain no rights from then on.
	runtime.LockOSThread()
	os.Exit(run(os.Args[1:], os.Environ()))
}

// run returns an exit code; if all is well it does not return, for the process is the
// other program then.
func run(args, environ []string) int {
	o, err := parseOptions(args)
	if err != nil {
		return o.command().Exit(err, exitMisuse)
	}
	peer := os.Getenv("TCPREMOTEIP")
	if os.Args[0] == readerName {
		return serveAsReader(o, peer)
	}
	session := logline.Session()
	log := logline.New(2, program, session)
	header, err := receive(o, args, peer, session)
	if errors.Is(err, errTrouble) {
		log.Event("error", logline.Err(err))
		return exitTemporary
	}
	if err != nil {
		log.Event("refused", logline.F("ip", peer), logline.Err(err))
		return exitClosed
	}
	// HAProxy's health checks with a header of version 1 name HAProxy itself, every few seconds.
	if customer := header.Customer.Addr(); customer.IsValid() && customer.String() != peer {
		log.Event("proxy", logline.F("ip", customer.String()), logline.F("balancer", peer))
	}
	path, err := child.LookPath(o.program[0], os.Getenv("PATH"))
	if err == nil {
		err = syscall.Exec(path, o.program, environment(environ, header, peer))
	}
	log.Event("error", logline.F("error", o.program[0]+": "+err.Error()))
	return exitTemporary
}

// receive returns what the balancer says, or why this connection is closed. peer is the
// address that tcpserver saw. Root does not read it itself.
func receive(o flags, args []string, peer, session string) (proxyheader.Header, error) {
	if !o.balancers.Contain(peer) && !o.checks.Contain(peer) {
		return proxyheader.Header{}, errors.New("not from a balancer that -n names")
	}
	account, err := confine.LookUpReader(o.account)
	if err != nil {
		return proxyheader.Header{}, fmt.Errorf("%w: %w", errTrouble, err)
	}
	if account == nil {
		return read(o, peer)
	}
	return startReader(args, []string{
		"GOMAXPROCS=1", "VODMR_SESSION=" + session, "TCPREMOTEIP=" + peer, readerVariable + "=" + account.Encode(),
	})
}

// read reads the header from descriptor 0, on a connection that is a balancer's or a check's.
func read(o flags, peer string) (proxyheader.Header, error) {
	conn := fdio.New(0, 0)
	if o.checks.Contain(peer) {
		readable, err := conn.Rest(time.Now().Add(checkTime))
		if err != nil || !readable {
			return proxyheader.Header{}, err
		}
	}
	if !o.balancers.Contain(peer) {
		return proxyheader.Header{}, errors.New("spoke before the greeting, and -n does not name it")
	}
	_ = conn.SetDeadline(time.Now().Add(headerTime))
	return proxyheader.Read(conn)
}
