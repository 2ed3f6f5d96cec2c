// Vodmr-qread lists what waits in customers' Maildirs. See vodmr-qread(8).
package main

import (
	"errors"
	"os"

	"vodmr/internal/fdio"
	"vodmr/internal/getopt"
	"vodmr/internal/listing"
	"vodmr/internal/locate"
	"vodmr/internal/logline"
	"vodmr/internal/version"
	"vodmr/maildir"
	"vodmr/qmail"
)

const (
	program = "vodmr-qread"
	usage   = "usage: vodmr-qread [-j | -m] [-q QMAILHOME] LOGIN-or-MAILDIR...\n" +
		"       vodmr-qread -h | -V\n" +
		"what has a / in it is a Maildir; see vodmr-qread(8)\n"
	exitMisuse    = 100
	exitTemporary = 111
)

func main() { os.Exit(run()) }

func run() int {
	if text := version.Answer(program, usage, os.Args[1:]); text != "" {
		_ = fdio.WriteAll(1, []byte(text))
		return 0
	}
	home, form := qmail.StandardHome(), listing.Text
	args, err := getopt.Parse(os.Args[1:], "jmq:", func(letter rune, value string) error {
		switch letter {
		case 'j':
			form = listing.JSON
			return nil
		case 'm':
			form = listing.Metrics
			return nil
		}
		home = value
		return getopt.Absolute(letter, value)
	})
	if err == nil && len(args) == 0 {
		err = errors.New("a LOGIN or a MAILDIR is needed")
	}
	environ := locate.Environ(qmail.OpenHome(home))
	if err == nil {
		_, err = maildir.AgentNamed(environ("VODMR_MTA"))
	}
	if err != nil {
		_ = fdio.WriteAll(2, []byte(program+": "+err.Error()+"\n"+usage))
		return exitMisuse
	}
	code := 0
	l := listing.Lister{
		Site: qmail.OpenHome(home), Environ: environ, Out: os.Stdout, Form: form,
		Log:    func(arg string) *logline.Logger { return logline.New(2, program, arg) },
		Failed: func(err error) { code = max(code, exitCode(err)) },
	}
	if l.List(args) != nil {
		code = exitTemporary
	}
	return code
}

// exitCode tells an error that an administrator must mend from one that may pass.
func exitCode(err error) int {
	if locate.Misnamed(err) {
		return exitMisuse
	}
	return exitTemporary
}
