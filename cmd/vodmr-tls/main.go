// Vodmr-tls speaks TLS with a customer on descriptors 0 and 1 and runs a program
// that does not: on the plain side from the start, or on the customer's socket
// with TLS on request. See vodmr-tls(8).
package main

import (
	"os"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/version"
	"vodmr/tlswrap"
)

const (
	program    = "vodmr-tls"
	exitMisuse = 100
	usage      = "usage: vodmr-tls [-s] [-c CERTFILE] [-k KEYFILE] [-a CAFILE|any] [-u ACCT] [-U ACCT] PROG ARG...\n" +
		"       vodmr-tls -h | -V\nsee vodmr-tls(8)\n"
)

func main() {
	if len(os.Args) > 1 && os.Args[0] == tlswrap.StarterName {
		os.Exit(tlswrap.Starter(os.Args[1:], os.Environ(), logger(os.Getenv("VODMR_SESSION"))))
	}
	os.Exit(run(os.Args[1:]))
}

// run serves the customer and returns the exit code.
func run(args []string) int {
	if text := version.Answer(program, usage, args); text != "" {
		_ = fdio.WriteAll(1, []byte(text))
		return 0
	}
	config, err := parseOptions(args)
	if err != nil {
		_ = fdio.WriteAll(2, []byte(program+": "+err.Error()+"\n"+usage))
		return exitMisuse
	}
	// The process id that `tcpserver -v` prints is this one; the program's is not.
	session := logline.Session()
	_ = os.Setenv("VODMR_SESSION", session)
	config.Environ = tlswrap.CleanEnviron(os.Environ())
	config.IP = os.Getenv("TCPREMOTEIP")
	config.Log = logger(session)
	return tlswrap.Serve(config)
}

func logger(session string) *logline.Logger { return logline.New(2, program, session) }
