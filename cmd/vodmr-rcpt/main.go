// Vodmr-rcpt refuses recipients that a customer does not have, while the sender is still
// connected. See vodmr-rcpt(8).
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/getopt"
	"vodmr/internal/logline"
	"vodmr/internal/sys"
	"vodmr/relay/door"
	"vodmr/relay/door/filter"
	"vodmr/relay/door/opensmtpd"
	"vodmr/relay/door/policy"
)

const (
	program       = "vodmr-rcpt"
	exitUnknown   = 1
	exitMisuse    = 100
	exitTemporary = child.ExitTemporary
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code.
func run(args []string) int {
	o, err := parse(args, os.Getenv)
	if err != nil {
		return o.command().Exit(err, exitMisuse)
	}
	switch {
	case o.list != "":
		return list(o)
	case o.forget != "":
		return forget(o)
	case o.policy:
		return servePolicy(o)
	case o.filter:
		return serveOpenSMTPD(o)
	case isAddress(o.words):
		return once(o)
	}
	return serveFilter(o)
}

// isAddress tells an address from a program: a program's path may hold an @, but never
// without a slash. What begins with < is always one: a stranger's address may begin with a
// slash, and older versions of Exim make several words of one with blanks.
func isAddress(words []string) bool {
	return strings.HasPrefix(words[0], "<") ||
		len(words) == 1 && strings.Contains(words[0], "@") && !strings.HasPrefix(words[0], "/")
}

// once answers one question: 0 for yes, 1 for no. On standard output it says what an SMTP
// server could say.
func once(o *flags) int {
	raw := strings.Join(o.words, " ")
	opinion := door.NewClient(o.door).Ask(strings.TrimSuffix(strings.TrimPrefix(raw, "<"), ">"))
	if opinion.Err != nil {
		getopt.Fail(program, opinion.Err, exitTemporary)
	}
	reply, code := "250 2.1.5 ", 0
	if opinion.Refuse {
		reply, code = "550 5.1.1 ", exitUnknown
	}
	if err := fdio.WriteAll(1, []byte(reply+words(opinion)+"\n")); err != nil {
		return getopt.Fail(program, fmt.Errorf("standard output: %w", err), code)
	}
	return code
}

// words are an opinion's for the reply, never empty.
func words(opinion door.Opinion) string {
	if opinion.Refuse {
		return cmp.Or(opinion.Words, "no such recipient")
	}
	return cmp.Or(opinion.Words, "ok")
}

// An asker answers for a server: it logs what it refuses and, once, why nobody can be asked.
type asker struct {
	client *door.Client
	log    *logline.Logger // nil for none
	failed string
}

func (a *asker) refuse(raw string) (text string, refuse bool) {
	opinion := a.client.Ask(raw)
	if opinion.Err != nil && a.log != nil && a.failed != opinion.Err.Error() {
		a.failed = opinion.Err.Error()
		a.log.Event("error", logline.Err(opinion.Err))
	}
	if opinion.Refuse && a.log != nil {
		a.log.Event("refused", logline.F("to", "<"+raw+">"), logline.F("by", opinion.Source), logline.F("reply", "550 5.1.1 "+words(opinion)))
	}
	return words(opinion), opinion.Refuse
}

// servePolicy speaks Postfix's policy protocol on descriptors 0 and 1. spawn(8) connects
// descriptor 2 to Postfix as well: then nothing is logged, since Postfix logs each refusal.
func servePolicy(o *flags) int {
	a := &asker{client: door.NewClient(o.door)}
	if !isSameFile(1, 2) {
		a.log = logline.New(2, program, logline.Session())
	}
	conn := fdio.New(0, 1)
	err := policy.Serve(conn, conn, a.refuse)
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0
	}
	if a.log != nil {
		a.log.Event("error", logline.Err(err))
	}
	return exitTemporary
}

// serveOpenSMTPD speaks OpenSMTPD's filter protocol on descriptors 0 and 1. OpenSMTPD logs
// what is written to descriptor 2.
func serveOpenSMTPD(o *flags) int {
	log := logline.New(2, program, logline.Session())
	// Several ask at a time, and while the next question is awaited, others are answered: so
	// nothing that keeps a state is shared.
	err := opensmtpd.Serve(fdio.New(0, 0), fdio.New(1, 1), func(raw string) (string, bool) {
		a := &asker{client: door.NewClient(o.door), log: log.Clone()}
		return a.refuse(raw)
	})
	if err != nil {
		log.Event("error", logline.Err(err))
		return exitTemporary
	}
	return 0
}

func isSameFile(a, b int) bool {
	var x, y unix.Stat_t
	return sys.Stat(a, &x) == nil && sys.Stat(b, &y) == nil && sys.SameFile(&x, &y)
}

// serveFilter runs an SMTP server and follows its dialogue.
func serveFilter(o *flags) int {
	path, err := child.LookPath(o.words[0], os.Getenv("PATH"))
	if err != nil {
		return getopt.Fail(program, err, exitTemporary)
	}
	log := logline.New(2, program, logline.Session())
	a := &asker{client: door.NewClient(o.door), log: log}
	d := filter.New()
	d.Refuse = a.refuse
	d.Blind = func(why string) { log.Event("blind", logline.F("reason", why)) }
	code, err := filter.Run(d, path, o.words, os.Environ())
	if err != nil {
		log.Event("error", logline.Err(err))
	}
	return code
}
