// Vodmr-proxy reads the PROXY header of a balancer on descriptor 0, writes the customer's
// address into the environment, and becomes the program that it was given. See
// vodmr-proxy(8).
package main

import (
	"errors"
	"os"
	"syscall"
	"time"

	"vodmr/internal/child"
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
	log := logline.New(2, program, logline.Session())
	header, err := receive(o, peer)
	if err != nil {
		log.Event("refused", logline.F("ip", peer), logline.Err(err))
		return exitClosed
	}
	if header.Customer.IsValid() {
		log.Event("proxy", logline.F("ip", header.Customer.Addr().String()), logline.F("balancer", peer))
	}
	path, err := child.LookPath(o.program[0], os.Getenv("PATH"))
	if err == nil {
		err = syscall.Exec(path, o.program, environment(environ, header))
	}
	log.Event("error", logline.F("error", o.program[0]+": "+err.Error()))
	return exitTemporary
}

// receive returns what the balancer says, or why this connection is closed. peer is the
// address that tcpserver saw.
func receive(o flags, peer string) (proxyheader.Header, error) {
	trusted, checks := o.balancers.Contain(peer), o.checks.Contain(peer)
	if !trusted && !checks {
		return proxyheader.Header{}, errors.New("not from a balancer that -n names")
	}
	conn := fdio.New(0, 1)
	if checks {
		readable, err := conn.Rest(time.Now().Add(checkTime))
		if err != nil || !readable {
			return proxyheader.Header{}, err
		}
	}
	if !trusted {
		return proxyheader.Header{}, errors.New("spoke before the greeting, and -n does not name it")
	}
	_ = conn.SetDeadline(time.Now().Add(headerTime))
	return proxyheader.Read(conn)
}
