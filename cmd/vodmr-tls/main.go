// Vodmr-tls speaks TLS with a customer on descriptors 0 and 1 and runs a program
// that does not: on the plain side from the start, or on the customer's socket
// with TLS on request. See vodmr-tls(8).
package main

import (
	"errors"
	"os"

	"vodmr/internal/getopt"
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

func parseOptions(args []string) (tlswrap.Config, error) {
	config := tlswrap.Config{CertFile: tlswrap.DefaultCertFile}
	args, err := command(&config).Read(args)
	if err == nil && len(args) == 0 {
		args, err = nil, errors.New("PROG is needed")
	}
	config.Program = args
	return config, err
}

func command(config *tlswrap.Config) *getopt.Command {
	return &getopt.Command{
		Program: program, Section: 8, Forms: []string{"[OPTION...] PROG ARG..."}, Ends: getopt.AtFirstWord,
		Flags: []getopt.Option{
			getopt.Flag('s', "begin TLS when PROG asks for it (STARTTLS), not at once", &config.STARTTLS),
			getopt.Text('c', "CERTFILE", "the certificate chain, and the key if -k is missing", &config.CertFile),
			getopt.Text('k', "KEYFILE", "the key", &config.KeyFile).By("CERTFILE"),
			getopt.Text('a', "CAFILE|any", "ask customers for a certificate that one of these CAs signed, or any", &config.CAFile),
			getopt.Text('u', "ACCT", "the account that does TLS", &config.Account),
			getopt.Text('U', "ACCT", "the account that runs PROG", &config.ProgramAccount),
		},
	}
}
