// Vodmr-sendmail has qmail-queue's interface and hands each message to a sendmail(1), for
// a front with another mail server than qmail. See vodmr-sendmail(8).
package main

import (
	"cmp"
	"errors"
	"os"
	"strings"

	"vodmr/internal/fdio"
	"vodmr/internal/getopt"
	"vodmr/internal/logline"
	"vodmr/internal/sendmail"
)

const (
	program    = "vodmr-sendmail"
	exitMisuse = 100
)

func main() { os.Exit(run(os.Args[1:])) }

// run takes one message and returns one of qmail-queue's exit codes. Descriptor 1 is the
// envelope, so nothing is printed there but what -h and -V ask for.
func run(args []string) int {
	cmd := getopt.Command{Program: program, Section: 8, Forms: []string{"<MESSAGE 1<ENVELOPE"}}
	words, err := cmd.Read(args)
	if err == nil && len(words) > 0 {
		err = errors.New("no argument is taken")
	}
	if err != nil {
		return cmd.Exit(err, exitMisuse)
	}
	fdio.CloseOnExec(3)
	path := cmp.Or(os.Getenv("VODMR_SENDMAIL"), sendmail.DefaultProgram)
	if !strings.HasPrefix(path, "/") {
		return fail(&sendmail.Failure{Code: sendmail.CodeConfig, Text: "VODMR_SENDMAIL must be an absolute path, not " + path}, "")
	}
	m := sendmail.Mailer{
		Program: path,
		Environ: sendmail.Environ(os.Environ()),
		Folder:  os.TempDir(),
		Timeout: sendmail.DefaultTimeout,
		Grace:   sendmail.DefaultGrace,
	}
	said, err := m.Take(0, 1)
	return fail(err, said)
}

// fail logs why a message was not sent, with what sendmail said, and returns the exit code.
// Without an error it is 0.
func fail(err error, said string) int {
	if err == nil {
		return 0
	}
	fields := []logline.Field{logline.Err(err)}
	if said != "" {
		fields = append(fields, logline.F("reason", said))
	}
	logline.New(2, program, logline.Session()).Event("error", fields...)
	if failure, ok := errors.AsType[*sendmail.Failure](err); ok {
		return failure.Code
	}
	return sendmail.CodeInternal
}
