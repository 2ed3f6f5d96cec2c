package main

import (
	"errors"

	"vodmr/internal/getopt"
	"vodmr/internal/nets"
)

type flags struct {
	balancers nets.Nets // -n
	checks    nets.Nets // -l
	account   string    // -u: of the process that reads the header; empty for the usual one
	program   []string
}

func parseOptions(args []string) (flags, error) {
	var o flags
	var err error
	o.program, err = o.command().Read(args)
	if err == nil && len(o.balancers) == 0 {
		err = errors.New("-n NET is needed: the addresses of the balancers")
	}
	if err == nil && len(o.program) == 0 {
		err = errors.New("PROG is needed")
	}
	return o, err
}

func (o *flags) command() *getopt.Command {
	return &getopt.Command{
		Program: program, Section: 8, Forms: []string{"-n NET[,NET...] [-l NET[,NET...]] [-u ACCT] PROG ARG..."}, Ends: getopt.AtFirstWord,
		Flags: []getopt.Option{
			getopt.Value('n', "NET[,NET...]", "the balancers, which send a PROXY header", o.balancers.Add),
			getopt.Value('l', "NET[,NET...]", "where health checks without a header come from", o.checks.Add),
			getopt.Text('u', "ACCT", "the account that reads the header, if started as root", &o.account).By("vodmr"),
		},
	}
}
