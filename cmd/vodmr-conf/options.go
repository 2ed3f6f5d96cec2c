package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
)

// options are the command line.
type options struct {
	port              uint
	starttls, connect bool
	tlsAccount, cert  string

	account, logAccount string
	dir, host           string
	check               string   // the checkpassword program, with its arguments
	relay               []string // vodmr-relay's further arguments
}

const (
	defaultPort  = 366 // RFC 2645 section 4
	defaultCheck = "/home/vpopmail/bin/vchkpw"
)

func parseOptions(args []string) (*options, error) {
	o := &options{check: defaultCheck, relay: []string{"Maildir"}}
	flags := flag.NewFlagSet(program, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.UintVar(&o.port, "p", defaultPort, "")
	flags.BoolVar(&o.starttls, "s", false, "")
	flags.BoolVar(&o.connect, "t", false, "")
	flags.StringVar(&o.tlsAccount, "u", "vodmrtls", "")
	flags.StringVar(&o.cert, "c", "", "")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	args = flags.Args()
	if len(args) < 4 {
		return nil, errors.New("ACCT, LOGACCT, DIR and HOST are needed")
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

// plain are the words that a shell takes as they are. What is written into a run
// script as root runs as root, so anything else is for an editor.
var (
	plain     = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)
	plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+, -]+$`)
	hostName  = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)
)

// valid says what is wrong with the words themselves.
func (o *options) valid() error {
	switch {
	case o.port == 0 || o.port > 65535:
		return fmt.Errorf("-p %d is no port: 1 to 65535", o.port)
	case o.starttls && o.connect:
		return errors.New("-s or -t: a port has STARTTLS, or TLS on connect; make two services for both")
	case o.cert != "" && !o.starttls && !o.connect:
		return errors.New("-c is for TLS: say -s or -t")
	case o.cert != "" && (!filepath.IsAbs(o.cert) || !plain.MatchString(o.cert)):
		return fmt.Errorf("-c %q must begin with / and have no characters that a shell takes for its own", o.cert)
	case !filepath.IsAbs(o.dir):
		return fmt.Errorf("DIR %q must begin with /", o.dir)
	case !hostName.MatchString(o.host):
		return fmt.Errorf("HOST %q is no host name", o.host)
	case !plainWord.MatchString(o.check):
		return fmt.Errorf("CHECKPASSWORD %q has characters that a shell takes for its own: write it into run by hand", o.check)
	}
	if len(strings.Fields(o.check)) == 0 {
		return errors.New("CHECKPASSWORD is empty")
	}
	for _, arg := range o.relay {
		if !plain.MatchString(arg) {
			return fmt.Errorf("RELAYARG %q has characters that a shell takes for its own: write it into run by hand", arg)
		}
	}
	return nil
}
