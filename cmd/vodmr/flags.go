package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"vodmr/auth/keeper"
	"vodmr/internal/address"
	"vodmr/internal/getopt"
	"vodmr/internal/nets"
)

// flags are what the command line says.
type flags struct {
	port    int           // TCPLOCALPORT for the checkpassword program; 0 leaves it alone
	limit   time.Duration // longest session without a login
	needTLS bool          // no AUTH without TLS
	noCRAM  bool          // CRAM-MD5 is switched off
	trusted nets.Nets     // from there PLAIN needs no TLS
	account string        // of the talker; empty for the usual one
	progAs  string        // the account of the checkpassword program; empty for our own
	host    string        // in the greeting, the EHLO reply and the challenge
	prog    []string      // the checkpassword program and its arguments
}

func defaults() flags {
	return flags{port: keeper.DefaultPort, limit: 60 * time.Second}
}

func parseOptions(args []string) (flags, error) {
	o := defaults()
	args, err := o.command().Read(args)
	switch {
	case err != nil:
		return o, err
	case len(args) < 2:
		return o, errors.New("HOST and PROG are needed")
	case !validHost(args[0]):
		return o, errors.New("HOST " + strconv.Quote(args[0]) + " is no host name")
	}
	o.host, o.prog = args[0], args[1:]
	return o, nil
}

// maxLimit is the longest -t in seconds: a day.
const maxLimit = 86400

func (o *flags) command() *getopt.Command {
	return &getopt.Command{
		Program: "vodmr", Section: 8, Forms: []string{"[OPTION...] HOST PROG ARG..."}, Ends: getopt.AtFirstWord,
		Flags: []getopt.Option{
			getopt.Number('p', "PORT", "TCPLOCALPORT for the checkpassword program; 0 leaves it alone", &o.port, 0, 65535),
			getopt.Seconds('t', "longest time up to the login", &o.limit, maxLimit),
			getopt.Flag('T', "no AUTH without TLS", &o.needTLS),
			getopt.Flag('C', "no CRAM-MD5", &o.noCRAM),
			getopt.Value('P', "NET[,NET...]", "networks from which PLAIN and LOGIN need no TLS", o.trusted.Add),
			getopt.Text('u', "ACCT", "the account that speaks with strangers", &o.account).By("vodmr"),
			getopt.Text('U', "ACCT", "the account of the checkpassword program", &o.progAs).By("the one that vodmr is started as"),
		},
	}
}

// validHost reports if a name can stand in replies and in a challenge.
func validHost(host string) bool {
	beyondASCII := func(c rune) bool { return c >= 0x7f }
	return address.IsSafe(host) && !strings.ContainsFunc(host, beyondASCII)
}
