package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"vodmr/internal/getopt"
	"vodmr/maildir"
)

// flags are the command line.
type flags struct {
	force             bool // the checkpassword program may be missing
	port              uint
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
	args, err := getopt.Parse(args, "fp:stu:c:m:g:o:", o.set)
	if err != nil {
		return nil, err
	}
	if err := optionsFirst(args); err != nil {
		return nil, err
	}
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

// optionsFirst refuses an option among ACCT up to CHECKPASSWORD: it would become one of
// these, and be missing. The options of vodmr-relay come after them.
func optionsFirst(args []string) error {
	for _, word := range args[:min(len(args), 5)] {
		if strings.HasPrefix(strings.TrimSpace(word), "-") {
			return fmt.Errorf("%q stands behind an argument: options come first", word)
		}
	}
	return nil
}

// set takes one option.
func (o *flags) set(letter rune, value string) error {
	switch letter {
	case 'f':
		o.force = true
	case 'p':
		port, err := strconv.ParseUint(value, 10, 16)
		if err != nil || port == 0 {
			return fmt.Errorf("-p %q is no port: 1 to 65535", value)
		}
		o.port = uint(port)
	case 's':
		o.starttls = true
	case 't':
		o.connect = true
	case 'u':
		o.tlsAccount = value
	case 'g':
		o.doorGroup = value
	case 'o':
		o.doorOwner = value
	case 'c':
		o.cert = value
	case 'm':
		o.mta = value
		_, err := maildir.AgentNamed(value)
		return err
	}
	return nil
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
