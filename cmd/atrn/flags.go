package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"vodmr/fetch"
	"vodmr/internal/getopt"
)

// errUsage marks errors that the usage text answers.
var errUsage = errors.New("wrong arguments")

// flags are the command line, understood.
type flags struct {
	session fetch.Session
	repeat  bool          // for ever
	every   time.Duration // between sessions that do not stand; 0 for Standing's waits
	show    string        // what to print, and do no more
	verbose fetch.Verbosity
}

// rawOptions are the command line as it was given.
type rawOptions struct {
	login, passfile, domains string
	server, maildir, dial    string
	tls, cafile, pin         string
	invitation, keyfile      string
	metrics                  string
	show                     bool
	repeat                   bool
	seconds                  int64 // of -i; 0 for none
	quiet, limit             int64
	providerFirst            bool // the first word is PROVIDER: neither -e nor -f was before it
	verbose                  int
	hush                     bool
	args                     []string

	// invited is what the invitation's file says. Options beside it win.
	invited fetch.Invitation
}

// parse makes flags of what parseFlags returned.
func (raw *rawOptions) parse() (o *flags, err error) {
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
	o = &flags{repeat: raw.repeat, every: time.Duration(raw.seconds) * time.Second}
	o.verbose = fetch.Verbosity(min(raw.verbose, int(fetch.Messages)))
	if raw.hush {
		o.verbose = fetch.Quiet
	}
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
	raw.keepMetrics(&o.session)
	return o, err
}

// maxEvery is the longest -i in seconds, about a year: more of them could overflow a
// time.Duration, and then atrn would ask without a pause.
const maxEvery = 365 * 86400

// command is the table of the options. To add one, add a line here and a field to rawOptions.
func (raw *rawOptions) command() *getopt.Command {
	return &getopt.Command{
		Program: "atrn", Section: 1,
		Forms: []string{
			"[OPTION...] PROVIDER[:PORT] PROG ARG...      PROG gets the session on descriptors 0 and 1",
			"[OPTION...] PROVIDER[:PORT] -s HOST[:PORT]   an SMTP server gets it",
			"[OPTION...] PROVIDER[:PORT] -m MAILDIR       atrn itself receives",
			"[OPTION...] -e COMMAND ...                   COMMAND leads to the provider",
			"[OPTION...] -f FILE ...                      FILE is the provider's invitation",
			"-n -f FILE                                   show the invitation without its password",
			"-K KEYFILE                                   make a key if there is none, and show its hash",
		},
		Ends: raw.ends,
		Flags: []getopt.Option{
			getopt.Text('u', "LOGIN", "the login at the provider", &raw.login).By("the invitation's"),
			getopt.Text('p', "PASSFILE", "a file whose first line is the password", &raw.passfile).By("the invitation's"),
			getopt.Text('K', "KEYFILE", "the private key of the login, in place of a password", &raw.keyfile).By("the invitation's"),
			getopt.Text('d', "DOMAIN[,DOMAIN...]", "the domains to ask for", &raw.domains).By("the invitation's, or all of the login"),
			getopt.Text('f', "FILE", "the provider's invitation; - is standard input", &raw.invitation),
			getopt.Flag('n', "with -f: show the invitation without its password", &raw.show),
			getopt.Text('e', "COMMAND", "run this in place of a connection to PROVIDER", &raw.dial),
			getopt.Text('s', "HOST[:PORT]", "the SMTP server that gets the session", &raw.server),
			getopt.Text('m', "MAILDIR", "the Maildir that gets the mail", &raw.maildir),
			getopt.Number('z', "BYTES", "with -m: the biggest message", &raw.limit, 1, math.MaxInt64).By("none"),
			getopt.Text('T', "starttls|tls|may|none", "whether TLS is used, and how it begins", &raw.tls).By("starttls; none with -e"),
			getopt.Text('C', "CAFILE", "the CAs that the provider's certificate is checked against", &raw.cafile).By("the system's"),
			getopt.Text('F', "PIN", "the provider's key or certificate; no CA is asked", &raw.pin).By("the invitation's"),
			getopt.Value('i', "[SECONDS]", "stay: have a session all the time, or one every SECONDS", raw.setRepeat),
			getopt.Value('v', "", "show the dialogue and how the session goes; -v -v: and a line for each message", raw.more),
			getopt.Flag('q', "say nothing but errors", &raw.hush),
			getopt.Text('M', "FILE", "keep metrics for Prometheus in this file", &raw.metrics),
			getopt.Number('w', "SECONDS", "end a standing session if nothing came for so long", &raw.quiet, 1, maxEvery).By("never"),
		},
	}
}

// ends is for getopt: PROG ends the options. With -s or -m there is none.
func (raw *rawOptions) ends(words []string) bool {
	if raw.server != "" || raw.maildir != "" {
		return false
	}
	if len(words) == 1 && raw.dial == "" && raw.invitation == "" {
		raw.providerFirst = true
	}
	if raw.providerFirst {
		return len(words) == 2
	}
	return true
}

// more takes -v, once or twice.
func (raw *rawOptions) more(string) error {
	raw.verbose++
	return nil
}

// setRepeat takes -i, perhaps without SECONDS.
func (raw *rawOptions) setRepeat(word string) (err error) {
	raw.repeat = true
	if word != "" {
		raw.seconds, err = getopt.ParseNumber(word, 1, maxEvery)
	}
	return err
}

// parseFlags reads the command line. Its error is an answer, or wraps errUsage.
func parseFlags(args []string) (*rawOptions, error) {
	raw := &rawOptions{}
	words, err := raw.command().Read(args)
	raw.args = words
	var fault string
	switch {
	case err != nil:
		return raw, fmt.Errorf("%w: %w", errUsage, err)
	case raw.providerFirst && raw.dial != "":
		fault = "-e COMMAND leads to the provider: leave " + strconv.Quote(words[0]) + " out"
	case raw.server != "" && raw.maildir != "":
		fault = "-s and -m each say who receives: give one of them"
	case raw.limit > 0 && raw.maildir == "":
		fault = "-z limits what atrn itself receives: it needs -m"
	case raw.quiet > 0 && raw.repeat:
		fault = "-w ends a session, and -i begins the next one: give one of them"
	case raw.hush && raw.verbose > 0:
		fault = "-q says less and -v says more: give one of them"
	case raw.show && raw.invitation == "":
		fault = "-n shows an invitation: give its file with -f"
	}
	if fault != "" {
		return raw, fmt.Errorf("%w: %s", errUsage, fault)
	}
	return raw, nil
}

// provider takes PROVIDER off the arguments. Beside an invitation it is there only if no
// PROG can be meant.
func (raw *rawOptions) provider() (fetch.Provider, error) {
	if raw.dial != "" {
		return fetch.Command{Line: raw.dial}, nil
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
		return nil, fmt.Errorf("%w: say who receives: give PROG, -s HOST:PORT or -m MAILDIR, and only one of them", errUsage)
	case raw.server != "":
		address, err := fetch.ParseAddress(raw.server, fetch.PortSMTP)
		return fetch.Forward{Address: address, Guard: guarding(domains)}, err
	case raw.maildir != "":
		return raw.intoMaildir(domains), nil
	}
	return fetch.Program{Args: raw.args, Environ: os.Environ(), Guard: guarding(domains)}, nil
}

func (raw *rawOptions) intoMaildir(domains []string) fetch.Sink {
	return fetch.Maildir{
		Dir:     raw.maildir,
		Host:    cmp.Or(fetch.Hostname(), "localhost"),
		Domains: domains,
		Limit:   raw.limit,
		Idle:    fetch.IdleTime,
		Warn:    warn,
	}
}

// guarding is what protects the customer's server from the provider: it gets mail for these
// domains only.
func guarding(domains []string) fetch.Guard { return fetch.Guard{Domains: domains, Warn: warn} }

// warn writes a line to the log.
func warn(err error) { fetch.Warn(stderr(), err) }

// keepMetrics is -M: the session's metrics go to a file.
func (raw *rawOptions) keepMetrics(s *fetch.Session) {
	if raw.metrics != "" {
		s.Metrics = &fetch.Metrics{File: raw.metrics, Provider: s.Provider.String(), Login: s.Login.User, Warn: warn}
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
		warn(fmt.Errorf("everybody can read %s: chmod 600 it", raw.passfile))
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
