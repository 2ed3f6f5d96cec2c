// Vodmr-qread lists what waits in customers' Maildirs. See vodmr-qread(8).
package main

import (
	"errors"
	"os"

	"vodmr/internal/getopt"
	"vodmr/internal/listing"
	"vodmr/internal/locate"
	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/qmail"
)

const (
	program       = "vodmr-qread"
	exitMisuse    = 100
	exitTemporary = 111
)

func main() { os.Exit(run()) }

func run() int {
	home, form := qmail.StandardHome(), listing.Text
	cmd := command(&home, &form)
	args, err := cmd.Read(os.Args[1:])
	if err == nil && len(args) == 0 {
		err = errors.New("a LOGIN or a MAILDIR is needed")
	}
	environ := locate.Environ(qmail.OpenHome(home))
	if err == nil {
		_, err = maildir.AgentNamed(environ("VODMR_MTA"))
	}
	if err != nil {
		return cmd.Exit(err, exitMisuse)
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

func command(home *string, form *listing.Form) *getopt.Command {
	is := func(wanted listing.Form) func(string) error {
		return func(string) error {
			*form = wanted
			return nil
		}
	}
	return &getopt.Command{
		Program: program, Section: 8, Forms: []string{"[OPTION...] LOGIN-or-MAILDIR...      a word with a / is a Maildir"},
		Flags: []getopt.Option{
			getopt.Value('j', "", "a JSON object a line", is(listing.JSON)),
			getopt.Value('m', "", "metrics for Prometheus", is(listing.Metrics)),
			getopt.Path('q', "QMAILHOME", "the folder that holds control and users", home).By(qmail.HomeText),
		},
	}
}

// exitCode tells an error that an administrator must mend from one that may pass.
func exitCode(err error) int {
	if locate.Misnamed(err) {
		return exitMisuse
	}
	return exitTemporary
}
