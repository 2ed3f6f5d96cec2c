package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"vodmr/fetch"
)

const usage = `usage: atrn [OPTIONS] PROVIDER[:PORT] PROG ARG...   PROG gets the session on 0 and 1
       atrn [OPTIONS] PROVIDER[:PORT] -s HOST:PORT  an SMTP server gets it
       atrn [OPTIONS] PROVIDER[:PORT] -m MAILDIR    atrn itself receives
       atrn [OPTIONS] -e COMMAND ...                COMMAND leads to the provider
options: -u LOGIN -p PASSFILE (its first line) [-d DOMAIN,DOMAIN...]
         [-T starttls|tls|may|none] [-C CAFILE] [-F SHA256] (which TLS, whom to trust)
         [-i] (stand: mail comes the moment it is there) [-r SECONDS] (repeat)
         [-z BYTES] (biggest message, with -m)
       atrn -h | -V
see atrn(1)
`

// errUsage marks errors that the usage text answers.
var errUsage = errors.New("wrong arguments")

// options are the command line, understood.
type options struct {
	session fetch.Session
	every   time.Duration // between sessions; 0 where none is repeated so
	stand   bool          // there is always a session
}

// rawOptions are the command line as it was given.
type rawOptions struct {
	login, passfile, domains string
	server, maildir, command string
	tls, cafile, fingerprint string
	stand                    bool
	seconds                  uint
	limit                    int64
	args                     []string
}

func parseOptions(args []string) (*options, error) {
	raw, err := parseFlags(args)
	if err != nil {
		return nil, err
	}
	o := &options{every: time.Duration(raw.seconds) * time.Second, stand: raw.stand}
	o.session = fetch.Session{Host: fetch.Hostname(), Waits: fetch.DefaultWaits()}
	if o.stand {
		o.session.Silence = fetch.Silence
	}
	if raw.domains != "" {
		if o.session.Domains, err = fetch.ParseDomains(raw.domains); err != nil {
			return nil, err
		}
	}
	if o.session.Provider, err = raw.provider(); err != nil {
		return nil, err
	}
	if o.session.TLS, err = raw.security(o.session.Provider); err != nil {
		return nil, err
	}
	if o.session.Sink, err = raw.sink(o.session.Domains); err != nil {
		return nil, err
	}
	o.session.Login, err = raw.loginAndPassword()
	return o, err
}

// maxEvery is the longest -r in seconds, about a year: more of them could overflow a
// time.Duration, and then atrn would ask without a pause.
const maxEvery = 365 * 86400

// parseFlags takes flags before PROVIDER and, where no PROG can follow, after
// it.
func parseFlags(args []string) (*rawOptions, error) {
	raw := &rawOptions{}
	flags := flag.NewFlagSet("atrn", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&raw.login, "u", "", "")
	flags.StringVar(&raw.passfile, "p", "", "")
	flags.StringVar(&raw.domains, "d", "", "")
	flags.StringVar(&raw.server, "s", "", "")
	flags.StringVar(&raw.maildir, "m", "", "")
	flags.StringVar(&raw.command, "e", "", "")
	flags.StringVar(&raw.tls, "T", "", "")
	flags.StringVar(&raw.cafile, "C", "", "")
	flags.StringVar(&raw.fingerprint, "F", "", "")
	flags.BoolVar(&raw.stand, "i", false, "")
	flags.UintVar(&raw.seconds, "r", 0, "")
	flags.Int64Var(&raw.limit, "z", 0, "")
	err := flags.Parse(args)
	raw.args = flags.Args()
	if err == nil && raw.command == "" && len(raw.args) > 1 && strings.HasPrefix(raw.args[1], "-") {
		err = flags.Parse(raw.args[1:])
		raw.args = append(raw.args[:1:1], flags.Args()...)
		if err == nil && raw.command != "" {
			// PROVIDER would be run as PROG.
			return nil, fmt.Errorf("%w: give PROVIDER or -e COMMAND", errUsage)
		}
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	case raw.limit < 0:
		return nil, fmt.Errorf("%w: -z takes a number of bytes", errUsage)
	}
	return raw, raw.repetition()
}

// repetition checks -i and -r.
func (raw *rawOptions) repetition() error {
	switch {
	case raw.seconds > maxEvery:
		return fmt.Errorf("%w: -r takes at most %d seconds", errUsage, maxEvery)
	case raw.stand && raw.seconds > 0:
		return fmt.Errorf("%w: -i stands all the time, -r asks now and then: give one of them", errUsage)
	case raw.stand && raw.command == "" && len(raw.args) > 0 && !strings.ContainsFunc(raw.args[0], notDigit):
		return fmt.Errorf("%w: -i takes no number: to ask every %s seconds, say -r %[2]s", errUsage, raw.args[0])
	}
	return nil
}

func notDigit(c rune) bool { return c < '0' || c > '9' }

// provider takes PROVIDER off the arguments.
func (raw *rawOptions) provider() (fetch.Provider, error) {
	if raw.command != "" {
		return fetch.Command{Line: raw.command}, nil
	}
	if len(raw.args) == 0 {
		return nil, fmt.Errorf("%w: no PROVIDER", errUsage)
	}
	address, err := fetch.ParseAddress(raw.args[0], fetch.PortODMR)
	raw.args = raw.args[1:]
	return fetch.TCP{Address: address}, err
}

// sink takes the one of PROG, -s and -m that is there.
func (raw *rawOptions) sink(domains []string) (fetch.Sink, error) {
	given := 0
	for _, is := range []bool{len(raw.args) > 0, raw.server != "", raw.maildir != ""} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, fmt.Errorf("%w: say who receives, by one of PROG, -s and -m", errUsage)
	case raw.server != "":
		address, err := fetch.ParseAddress(raw.server, fetch.PortSMTP)
		return fetch.Forward{Address: address}, err
	case raw.maildir != "":
		return raw.intoMaildir(domains), nil
	}
	return fetch.Program{Args: raw.args, Environ: os.Environ()}, nil
}

func (raw *rawOptions) intoMaildir(domains []string) fetch.Sink {
	host := fetch.Hostname()
	if host == "" {
		host = "localhost"
	}
	return fetch.Maildir{
		Dir:     raw.maildir,
		Host:    host,
		Domains: domains,
		Limit:   raw.limit,
		Idle:    fetch.IdleTime,
		Warn:    func(err error) { fetch.Warn(os.Stderr, err) },
	}
}

// loginAndPassword reads the password file.
func (raw *rawOptions) loginAndPassword() (fetch.Login, error) {
	if raw.login == "" || raw.passfile == "" {
		return fetch.Login{}, fmt.Errorf("%w: ATRN needs a login: give -u and -p", errUsage)
	}
	if strings.ContainsAny(raw.login, "\x00\r\n") {
		return fetch.Login{}, fmt.Errorf("%w: a login has no line ends", errUsage)
	}
	password, exposed, err := fetch.ReadPassword(raw.passfile)
	if exposed {
		fetch.Warn(os.Stderr, fmt.Errorf("everybody can read %s: chmod 600 it", raw.passfile))
	}
	return fetch.Login{User: raw.login, Password: password}, err
}
