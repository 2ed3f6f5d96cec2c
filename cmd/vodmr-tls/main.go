// Vodmr-tls speaks TLS with a customer on descriptors 0 and 1 and runs a program
// that does not: on the plain side from the start, or on the customer's socket
// with TLS on request. See vodmr-tls(8).
package main

import (
	"os"

	"vodmr/internal/logline"
	"vodmr/internal/ucspi"
	"vodmr/tlswrap"
)

const (
	program    = "vodmr-tls"
	exitMisuse = 100
)

func main() {
	if len(os.Args) > 1 && os.Args[0] == tlswrap.StarterName {
		os.Exit(tlswrap.Starter(os.Args[1:], os.Environ(), logger(os.Getenv("VODMR_SESSION"))))
	}
	os.Exit(run(os.Args[1:]))
}

// run serves the customer and returns the exit code.
func run(args []string) int {
	config, err := parseOptions(args)
	if err != nil {
		return command(&config).Exit(err, exitMisuse)
	}
	// The process id that `tcpserver -v` prints is this one; the program's is not.
	session := logline.Session()
	_ = os.Setenv("VODMR_SESSION", session)
	config.Environ = ucspi.CleanEnviron(os.Environ())
	config.IP = os.Getenv("TCPREMOTEIP")
	config.Log = logger(session)
	return tlswrap.Serve(config)
}

func logger(session string) *logline.Logger { return logline.New(2, program, session) }
