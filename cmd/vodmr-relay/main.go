// Vodmr-relay answers ATRN for a customer that a checkpassword program let in,
// and relays the mail in its Maildir. See vodmr-relay(8).
package main

import (
	"cmp"
	"errors"
	"os"
	"time"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/getopt"
	"vodmr/internal/logline"
	"vodmr/internal/rights"
	"vodmr/internal/setuser"
	"vodmr/internal/verdict"
	"vodmr/maildir"
	"vodmr/qmail"
	"vodmr/relay"
)

const (
	program       = "vodmr-relay"
	exitMisuse    = 100
	exitTemporary = 111
)

func main() { os.Exit(run()) }

func run() int {
	home, rules := qmail.StandardHome(), ""
	cmd := command(&home, &rules)
	words, err := cmd.Read(os.Args[1:])
	if _, bad := maildir.AgentNamed(os.Getenv("VODMR_MTA")); err == nil {
		err = bad
	}
	if err == nil && (len(words) > 1 || verdict.FD() < 0) {
		err = errors.New("more than one MAILDIR, or vodmr is not in front")
	}
	if err != nil {
		_ = verdict.Say(verdict.NotTakenOver)
		return cmd.Exit(err, exitMisuse)
	}
	config := configure(home, rules, append(words, "")[0])
	guard := guardVerdict(config.Log)
	config.Refused, err = setOwner(config.Qmail)
	endOf(guard)
	if err != nil {
		config.Log.Event("error", logline.Err(err))
		_ = verdict.Say(verdict.NotTakenOver)
		return exitTemporary
	}
	if err := verdict.Say(verdict.LoggedIn); err != nil {
		config.Log.Event("error", logline.F("reason", "vodmr is not there"), logline.Err(err))
		return exitTemporary
	}
	child.StopTimer()
	reapTalker(verdict.FD(), os.Getenv("VODMR_TALKER"))
	fdio.Close(verdict.FD())
	// vodmr's limit ends here: once the connection has turned, the customer's
	// server may live and take nothing for a minute. While relay waits, fdio
	// watches in another way.
	fdio.NoUserTimeout(0)
	fdio.CloseOnExec(3) // qmail-queue needs none of what others left open
	return serve(config)
}

// serve is the session, and returns the exit code.
func serve(config relay.Config) int {
	guard := guardReply(config.Log)
	err := confine(&config)
	endOf(guard)
	if err != nil {
		config.Log.Event("error", logline.F("reason", "this process cannot be confined"), logline.Err(err))
		_ = fdio.WriteAll(1, []byte(troubleReply)) // vodmr has left the reply to AUTH to this program
		fdio.Linger(1)
		return exitTemporary
	}
	defer config.Queue.Close()
	err = relay.Serve(config)
	if err != nil {
		fdio.Linger(1) // the customer may not have read why
	}
	return relay.ExitCode(err)
}

// confine gives up all rights that the session does not need, before the first byte of the
// customer is read. On Linux such a process can start no program with a setuid bit, so a
// second one is made before, which starts qmail-queue. A system that cannot confine a process
// goes without.
func confine(config *relay.Config) error {
	if !rights.Available() {
		return rights.KeepSecret()
	}
	keeps := config.Rights()
	if err := config.Queue.Fork(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return keeps.Keep()
}

func command(home, rules *string) *getopt.Command {
	return &getopt.Command{
		Program: program, Section: 8, Forms: []string{"[OPTION...] [MAILDIR]      behind vodmr and a checkpassword program"},
		Flags: []getopt.Option{
			getopt.Path('q', "QMAILHOME", "the folder that holds control and users", home).By(qmail.HomeText),
			getopt.Path('x', "RULES.CDB", "which login may have which domains and settings", rules),
		},
	}
}

// setOwner takes the rights of the mailbox's owner before anything in HOME is read.
// refused says that HOME is another's.
func setOwner(site qmail.Home) (refused, err error) {
	login := setuser.Login{VPOPUser: os.Getenv("VPOPUSER"), User: os.Getenv("USER"), Home: os.Getenv("HOME")}
	if login.Home == "" {
		return nil, errors.New("HOME is not set: the checkpassword program must set it")
	}
	return setuser.For(site, login)
}

// configure reads the environment that the checkpassword program and vodmr set.
func configure(home, rules, mailbox string) relay.Config {
	session := logline.Session()
	return relay.Config{
		Conn:    fdio.New(0, 1),
		Log:     logline.New(2, program, session),
		Host:    cmp.Or(os.Getenv("VODMR_HOST"), "localhost"),
		Session: session,
		Login:   cmp.Or(os.Getenv("VPOPUSER"), os.Getenv("USER")),
		Home:    os.Getenv("HOME"),
		Maildir: cmp.Or(mailbox, "Maildir"),
		Qmail:   qmail.OpenHome(home),
		Queue:   qmail.OwnQueue(qmail.OpenHome(home)),
		Rules:   rules,
		Environ: os.Getenv,
		TLS:     os.Getenv("SSL_PROTOCOL") != "",
		Now:     time.Now,

		Terminated: terminated,
		Abort:      abort,
	}
}
