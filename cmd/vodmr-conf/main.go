// Vodmr-conf makes the directory of an on-demand mail relay service, for svscan
// and its like. See vodmr-conf(8).
package main

import (
	"errors"
	"os"

	"vodmr/internal/fdio"
	"vodmr/internal/version"
)

const (
	program = "vodmr-conf"
	usage   = "usage: vodmr-conf [-f] [-p PORT] [-s | -t] [-u TLSACCT] [-c CERTFILE] [-m MTA]\n" +
		"                  [-g GROUP [-o OWNER]]\n" +
		"                  ACCT LOGACCT DIR HOST [CHECKPASSWORD [RELAYARG...]]\n" +
		"       vodmr-conf -h | -V\n" +
		"see vodmr-conf(8)\n"
	exitMisuse    = 100
	exitTemporary = 111
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code.
func run(args []string) int {
	if text := version.Answer(program, usage, args); text != "" {
		_ = fdio.WriteAll(1, []byte(text))
		return 0
	}
	o, err := parseOptions(args)
	if err != nil {
		return fail(err, "\n"+usage, exitMisuse)
	}
	s, err := plan(o, systemAccounts(), programFolder())
	if err == nil && !o.force {
		err = runnable(s.Check)
	}
	if err != nil {
		return fail(err, "\n", exitMisuse)
	}
	if err := s.create(); errors.Is(err, errThere) {
		return fail(err, "\n", exitMisuse)
	} else if err != nil {
		return fail(err, "\n", exitTemporary)
	}
	_ = fdio.WriteAll(1, []byte(s.next()))
	return 0
}

// fail prints the error, and returns the exit code.
func fail(err error, after string, code int) int {
	_ = fdio.WriteAll(2, []byte(program+": "+err.Error()+after))
	return code
}
