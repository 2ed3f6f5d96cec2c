// Vodmr-expire bounces mail that no customer fetched in time. See vodmr-expire(8).
package main

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"time"

	"vodmr/internal/fdio"
	"vodmr/internal/getopt"
	"vodmr/internal/locate"
	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/relay/spool"
)

const (
	program       = "vodmr-expire"
	exitMisuse    = 100
	exitTemporary = 111
)

func main() { os.Exit(run()) }

func run() int {
	o, args, err := parseOptions(os.Args[1:])
	if err != nil {
		return o.command().Exit(err, exitMisuse)
	}
	fdio.CloseOnExec(3) // qmail-queue needs none of what others left open
	expire := o.expire
	if os.Geteuid() == 0 && len(args) > 1 {
		expire = o.expireApart
	}
	code := 0
	for _, arg := range args {
		code = max(code, expire(arg))
	}
	return code
}

// flags are those of the command line.
type flags struct {
	show, force  bool
	qmail, rules string
}

func parseOptions(args []string) (flags, []string, error) {
	o := flags{qmail: qmail.StandardHome()}
	args, err := o.command().Read(args)
	if err == nil && len(args) == 0 {
		err = errors.New("a LOGIN or a MAILDIR is needed")
	}
	if err == nil {
		_, err = maildir.AgentNamed(o.environ()("VODMR_MTA"))
	}
	return o, args, err
}

func (o *flags) command() *getopt.Command {
	return &getopt.Command{
		Program: program, Section: 8, Forms: []string{"[OPTION...] LOGIN-or-MAILDIR...      a word with a / is a Maildir"},
		Flags: []getopt.Option{
			getopt.Flag('n', "only show which messages would be bounced", &o.show),
			getopt.Flag('f', "go on if vodmr.notes cannot be read", &o.force),
			getopt.Path('q', "QMAILHOME", "the folder that holds control and users", &o.qmail).By(qmail.HomeText),
			getopt.Path('x', "RULES.CDB", "which login may have which domains and settings", &o.rules),
		},
	}
}

// environ gives the variables that count.
func (o flags) environ() func(name string) string {
	return locate.Environ(qmail.OpenHome(o.qmail))
}

// expire goes through one Maildir, as its owner, and returns the exit code.
func (o flags) expire(arg string) int {
	log := logline.New(2, program, arg)
	err := o.expireIn(arg, log)
	if err == nil {
		return 0
	}
	log.Event("error", logline.Err(err))
	return exitCode(err)
}

func (o flags) expireIn(arg string, log *logline.Logger) error {
	site := qmail.OpenHome(o.qmail)
	place, err := locate.Find(site, arg)
	if err != nil {
		return err
	}
	if err := place.SetUser(); err != nil {
		return place.Yours(err)
	}
	m, err := spool.OpenMailbox(o.config(site, place, log))
	if err != nil {
		return place.Yours(err)
	}
	defer m.Close()
	if o.show {
		return m.ShowExpired(o.force, logline.New(1, program, arg))
	}
	return m.Expire(o.force)
}

func (o flags) config(site qmail.Home, place locate.Place, log *logline.Logger) spool.Config {
	return spool.Config{
		Log: log, Host: cmp.Or(os.Getenv("VODMR_HOST"), "localhost"), Session: strconv.Itoa(os.Getpid()),
		Login: place.Login, Home: place.Home, Maildir: place.Maildir,
		Site: grant.Site{Qmail: site, Rules: o.rules}, Queue: qmail.OwnQueue(site),
		Now: time.Now, Environ: o.environ(),
	}
}

// exitCode tells what an administrator must mend from what may pass.
func exitCode(err error) int {
	if errors.Is(err, spool.ErrNoNotes) || locate.Misnamed(err) {
		return exitMisuse
	}
	return exitTemporary
}

// expireApart runs this program for one argument: it becomes the Maildir's owner, which
// cannot be undone, and the next Maildir has another.
func (o flags) expireApart(arg string) int {
	path, err := os.Executable()
	if err == nil {
		cmd := exec.Command(path, o.args(arg)...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		err = cmd.Run()
	}
	var exit *exec.ExitError
	if err == nil {
		return 0
	}
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode() // it has said why
	}
	logline.New(2, program, arg).Event("error", logline.Err(err))
	return exitTemporary
}

// args are the arguments of that program.
func (o flags) args(arg string) []string {
	args := []string{"-q", o.qmail}
	if o.rules != "" {
		args = append(args, "-x", o.rules)
	}
	if o.show {
		args = append(args, "-n")
	}
	if o.force {
		args = append(args, "-f")
	}
	return append(args, "--", arg)
}
