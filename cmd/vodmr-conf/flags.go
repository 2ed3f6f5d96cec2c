package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"vodmr/internal/getopt"
	"vodmr/maildir"
)

// flags are the command line.
type flags struct {
	force             bool // the checkpassword program may be missing
	port              int
	starttls, connect bool
	tlsAccount, cert  string
	mta               string // VODMR_MTA; empty to leave it out

	doorGroup, doorOwner string

	account, logAccount string
	dir, host           string
	check               string   // the checkpassword program, with its arguments
	relay               []string // vodmr-relay's further arguments
}

const (
	defaultPort  = 366 // RFC 2645 section 4
	defaultCheck = "/home/vpopmail/bin/vchkpw"
)

func parseOptions(args []string) (*flags, error) {
	o := &flags{port: defaultPort, tlsAccount: "vodmrtls", check: defaultCheck, relay: []string{"Maildir"}}
	args, err := o.command().Read(args)
	if err == nil && len(args) < 4 {
		err = errors.New("ACCT, LOGACCT, DIR and HOST are needed")
	}
	if err != nil {
		return o, err
	}
	o.account, o.logAccount, o.dir, o.host = args[0], args[1], args[2], args[3]
	if len(args) > 4 {
		o.check = args[4]
	}
	if len(args) > 5 {
		o.relay = args[5:]
	}
	return o, o.valid()
}

func (o *flags) command() *getopt.Command {
	return &getopt.Command{
		Program: program, Section: 8,
		Forms: []string{"[OPTION...] ACCT LOGACCT DIR HOST [CHECKPASSWORD [RELAYARG...]]"},
		// The options of vodmr-relay come behind CHECKPASSWORD.
		Ends: func(words []string) bool { return len(words) == 5 },
		Flags: []getopt.Option{
			getopt.Flag('f', "go on if the checkpassword program is not there", &o.force),
			getopt.Number('p', "PORT", "the port of the service", &o.port, 1, 65535),
			getopt.Flag('s', "offer STARTTLS", &o.starttls),
			getopt.Flag('t', "begin TLS on connect", &o.connect),
			getopt.Text('u', "TLSACCT", "the account that does TLS", &o.tlsAccount),
			getopt.Text('c', "CERTFILE", "the certificate chain and the key", &o.cert).By("vodmr-tls's"),
			getopt.Value('m', "MTA", "the mail server: "+strings.Join(maildir.AgentNames(), ", "), o.setMTA).By("qmail"),
			getopt.Text('g', "GROUP", "make the folder by which this group's programs may ask about recipients", &o.doorGroup),
			getopt.Text('o', "OWNER", "the owner of that folder", &o.doorOwner),
		},
	}
}

func (o *flags) setMTA(name string) error {
	o.mta = name
	_, err := maildir.AgentNamed(name)
	return err
}

// plain are the words that a shell takes as they are. A run script may run as root, so any
// other word has to be written into it by hand.
var (
	plain     = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)
	plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+, -]+$`)
	hostName  = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)
)

// valid returns an error if a word itself is wrong.
func (o *flags) valid() error {
	switch {
	case o.starttls && o.connect:
		return errors.New("-s or -t: a port has STARTTLS, or TLS on connect; make two services for both")
	case o.cert != "" && !o.starttls && !o.connect:
		return errors.New("-c is for TLS: say -s or -t")
	case o.cert != "" && (!filepath.IsAbs(o.cert) || !plain.MatchString(o.cert)):
		return fmt.Errorf("-c %q must begin with / and have no characters that a shell takes for its own", o.cert)
	case !filepath.IsAbs(o.dir) || !plain.MatchString(o.dir):
		return fmt.Errorf("DIR %q must begin with / and have no characters that a shell takes for its own", o.dir)
	case !hostName.MatchString(o.host):
		return fmt.Errorf("HOST %q is no host name", o.host)
	case !plainWord.MatchString(o.check):
		return fmt.Errorf("CHECKPASSWORD %q has characters that a shell takes for its own: write it into run by hand", o.check)
	case len(strings.Fields(o.check)) == 0:
		return errors.New("CHECKPASSWORD is empty")
	}
	for _, arg := range o.relay {
		if !plain.MatchString(arg) {
			return fmt.Errorf("RELAYARG %q has characters that a shell takes for its own: write it into run by hand", arg)
		}
	}
	return nil
}
