// Vodmr-conf makes the directory of an on-demand mail relay service, for svscan
// and its like. See vodmr-conf(8).
package main

import (
	"errors"
	"os"

	"vodmr/internal/fdio"
	"vodmr/internal/getopt"
)

const (
	program       = "vodmr-conf"
	exitMisuse    = 100
	exitTemporary = 111
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code.
func run(args []string) int {
	o, err := parseOptions(args)
	if err != nil {
		return o.command().Exit(err, exitMisuse)
	}
	s, err := plan(o, systemAccounts(), programFolder())
	if err == nil && !o.force {
		err = runnable(s.Check)
	}
	if err != nil {
		return getopt.Fail(program, err, exitMisuse)
	}
	if err := s.create(); errors.Is(err, errThere) {
		return getopt.Fail(program, err, exitMisuse)
	} else if err != nil {
		return getopt.Fail(program, err, exitTemporary)
	}
	_ = fdio.WriteAll(1, []byte(s.next()))
	return 0
}
