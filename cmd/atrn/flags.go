package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"vodmr/fetch"
)

const usage = `usage: atrn [OPTIONS] PROVIDER[:PORT] PROG ARG...   PROG gets the session on 0 and 1
       atrn [OPTIONS] PROVIDER[:PORT] -s HOST:PORT  an SMTP server gets it
       atrn [OPTIONS] PROVIDER[:PORT] -m MAILDIR    atrn itself receives
       atrn [OPTIONS] -e COMMAND ...                COMMAND leads to the provider
       atrn [OPTIONS] -f FILE ...                   FILE is the provider's invitation
       atrn -n -f FILE                              show what it says, but its password
       atrn -K KEYFILE                              make a key if there is none; show its hash
options: -u LOGIN -p PASSFILE (its first line), or -K KEYFILE [-d DOMAIN,DOMAIN...]
         [-T starttls|tls|may|none] [-C CAFILE] [-F PIN] (which TLS, whom to trust)
         [-i [SECONDS]] (again for ever: at once, or after SECONDS)
         [-w SECONDS] (end a session that stands when nothing came for so long)
         [-z BYTES] (biggest message, with -m)
       atrn -h | -V
see atrn(1)
`

// errUsage marks errors that the usage text answers.
var errUsage = errors.New("wrong arguments")

// flags are the command line, understood.
type flags struct {
	session fetch.Session
	repeat  bool          // for ever
	every   time.Duration // between sessions that do not stand; 0 for Standing's waits
	show    string        // what to print, and do no more
}

// rawOptions are the command line as it was given.
type rawOptions struct {
	login, passfile, domains string
	server, maildir, command string
	tls, cafile, pin         string
	invitation, keyfile      string
	show                     bool
	repeat                   repeatOption
	quiet, limit             int64
	providerFirst            bool // PROVIDER stands before options
	args                     []string

	// invited is what the invitation's file says. Options beside it win.
	invited fetch.Invitation
}

func parseOptions(args []string) (*flags, error) {
	raw, err := parseFlags(args)
	if err != nil {
		return nil, err
	}
	if raw.invitation != "" {
		if raw.invited, err = fetch.ReadInvitation(raw.invitation); err != nil {
			return nil, err
		}
	}
	if raw.show {
		return raw.showInvitation()
	}
	if raw.onlyKey() {
		return raw.showKey()
	}
	o := &flags{repeat: raw.repeat.on, every: time.Duration(raw.repeat.seconds) * time.Second}
	o.session = fetch.Session{Host: fetch.Hostname(), Timings: fetch.DefaultTimings(), Domains: raw.invited.Domains}
	o.session.Quiet = time.Duration(raw.quiet) * time.Second
	if o.repeat {
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
	if o.session.TLS.Key, err = raw.key(o.session.TLS.Mode); err != nil {
		return nil, err
	}
	if o.session.Sink, err = raw.sink(o.session.Domains); err != nil {
		return nil, err
	}
	o.session.Login, err = raw.loginAndPassword(o.session.TLS.Key != nil)
	return o, err
}

// maxEvery is the longest -i in seconds, about a year: more of them could overflow a
// time.Duration, and then atrn would ask without a pause.
const maxEvery = 365 * 86400

// parseFlags takes flags before PROVIDER and, if no PROG can follow, after
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
	flags.StringVar(&raw.pin, "F", "", "")
	flags.StringVar(&raw.invitation, "f", "", "")
	flags.StringVar(&raw.keyfile, "K", "", "")
	flags.BoolVar(&raw.show, "n", false, "")
	flags.Var(&raw.repeat, "i", "")
	flags.Int64Var(&raw.quiet, "w", 0, "")
	flags.Int64Var(&raw.limit, "z", 0, "")
	err := raw.parse(flags, args)
	raw.args = flags.Args()
	if err == nil && raw.command == "" && raw.invitation == "" && len(raw.args) > 1 && strings.HasPrefix(raw.args[1], "-") {
		raw.providerFirst = true
		err = raw.parse(flags, raw.args[1:])
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
	case raw.quiet < 0 || raw.quiet > maxEvery:
		return nil, fmt.Errorf("%w: -w takes 1 to %d seconds", errUsage, maxEvery)
	case raw.quiet > 0 && raw.repeat.on:
		return nil, fmt.Errorf("%w: -w ends a session, and -i begins the next one: give one of them", errUsage)
	case raw.show && raw.invitation == "":
		return nil, fmt.Errorf("%w: -n shows an invitation: give its file with -f", errUsage)
	}
	return raw, nil
}

// parse is flags.Parse for an -i, which may have no number.
func (raw *rawOptions) parse(flags *flag.FlagSet, args []string) error {
	for {
		if err := flags.Parse(args); err != nil {
			return err
		}
		rest := flags.Args()
		read := len(args) - len(rest)
		if len(rest) == 0 || read == 0 || args[read-1] != "-i" || strings.ContainsFunc(rest[0], notDigit) {
			return nil
		}
		if err := raw.repeat.Set(rest[0]); err != nil {
			return fmt.Errorf("invalid value %q for -i: %w", rest[0], err)
		}
		args = rest[1:]
	}
}

func notDigit(c rune) bool { return c < '0' || c > '9' }

// again is the value of -i: SECONDS, or none.
type repeatOption struct {
	on      bool
	seconds uint64
}

// IsBoolFlag is flag's way to ask if the option may stand without a value.
func (a *repeatOption) IsBoolFlag() bool { return true }

func (a *repeatOption) String() string { return strconv.FormatUint(a.seconds, 10) }

func (a *repeatOption) Set(value string) (err error) {
	a.on = true
	if value == "true" { // flag's word for none
		return nil
	}
	if a.seconds, err = strconv.ParseUint(value, 10, 64); err != nil || a.seconds == 0 || a.seconds > maxEvery {
		return fmt.Errorf("it takes 1 to %d seconds, or nothing", maxEvery)
	}
	return nil
}

// provider takes PROVIDER off the arguments. Beside an invitation it is there only if no
// PROG can be meant.
func (raw *rawOptions) provider() (fetch.Provider, error) {
	if raw.command != "" {
		return fetch.Command{Line: raw.command}, nil
	}
	given := raw.providerFirst || len(raw.args) > 0 && (raw.server != "" || raw.maildir != "")
	if raw.invitation != "" && !given {
		return fetch.TCP{Address: raw.invited.Address}, nil
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

// loginAndPassword reads the password file, or takes what the invitation says. With a key
// there is no password.
func (raw *rawOptions) loginAndPassword(byKey bool) (fetch.Login, error) {
	login := raw.invited.Login
	if raw.login != "" {
		login.User = raw.login
	}
	if strings.ContainsAny(login.User, "\x00\r\n") {
		return fetch.Login{}, fmt.Errorf("%w: a login has no line ends", errUsage)
	}
	if login.User == "" || raw.passfile == "" && raw.invitation == "" && !byKey {
		return fetch.Login{}, fmt.Errorf("%w: ATRN needs a login: give -u and -p, -u and -K, or an invitation with -f", errUsage)
	}
	if byKey {
		return fetch.Login{User: login.User}, nil
	}
	if raw.passfile == "" && login.Password == "" {
		return fetch.Login{}, fmt.Errorf("%w: the invitation holds no password: give -p", errUsage)
	}
	if raw.passfile == "" {
		return login, nil
	}
	password, exposed, err := fetch.ReadPassword(raw.passfile)
	if exposed {
		fetch.Warn(os.Stderr, fmt.Errorf("everybody can read %s: chmod 600 it", raw.passfile))
	}
	return fetch.Login{User: login.User, Password: password}, err
}

// showInvitation is for people, and for scripts that need a host or a domain of it: a
// word and a value a line.
func (raw *rawOptions) showInvitation() (*flags, error) {
	i := raw.invited
	lines := []string{"provider " + i.Address.String(), "login " + i.Login.User}
	for _, domain := range i.Domains {
		lines = append(lines, "domain "+domain)
	}
	if i.Pin != nil {
		lines = append(lines, "pin "+i.Pin.String())
	}
	if i.External {
		lines = append(lines, "external yes")
	}
	if i.Key != nil {
		lines = append(lines, "key "+i.Key.Hash.String())
	}
	return &flags{show: strings.Join(lines, "\n") + "\n"}, nil
}
