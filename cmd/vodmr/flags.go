package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"vodmr/auth/keeper"
	"vodmr/internal/address"
	"vodmr/internal/getopt"
	"vodmr/internal/nets"
)

// flags are what the command line says.
type flags struct {
	port    int           // TCPLOCALPORT for the checkpassword program; 0 leaves it alone
	limit   time.Duration // longest session without a login
	needTLS bool          // no AUTH without TLS
	noCRAM  bool          // CRAM-MD5 is switched off
	trusted nets.Nets     // from there PLAIN needs no TLS
	account string        // of the talker; empty for the usual one
	progAs  string        // the account of the checkpassword program; empty for our own
	host    string        // in the greeting, the EHLO reply and the challenge
	prog    []string      // the checkpassword program and its arguments
}

func defaults() flags {
	return flags{port: keeper.DefaultPort, limit: 60 * time.Second}
}

func parseOptions(args []string) (flags, error) {
	o := defaults()
	args, err := getopt.Parse(args, "p:t:TCP:u:U:", o.set)
	switch {
	case err != nil:
		return o, err
	case len(args) < 2:
		return o, errors.New("HOST and PROG are needed")
	case !validHost(args[0]):
		return o, errors.New("HOST " + strconv.Quote(args[0]) + " is no host name")
	}
	o.host, o.prog = args[0], args[1:]
	return o, nil
}

// maxLimit is the longest -t in seconds: a day.
const maxLimit = 86400

// set takes one option.
func (o *flags) set(letter rune, value string) error {
	if letter == 'P' {
		return o.trust(value)
	}
	if letter == 'u' || letter == 'U' {
		*map[rune]*string{'u': &o.account, 'U': &o.progAs}[letter] = value
		return nil
	}
	n, err := strconv.Atoi(value)
	switch {
	case letter == 'T':
		o.needTLS = true
	case letter == 'C':
		o.noCRAM = true
	case letter == 'p' && err == nil && 0 <= n && n <= 65535:
		o.port = n
	case letter == 't' && err == nil && 0 < n && n <= maxLimit:
		o.limit = time.Duration(n) * time.Second
	case letter == 'p':
		return errors.New("-p " + strconv.Quote(value) + " is no port: 0 to 65535")
	default:
		return errors.New("-t " + strconv.Quote(value) + " is no time: 1 to " + strconv.Itoa(maxLimit) + " seconds")
	}
	return nil
}

// trust adds networks from which nobody can listen.
func (o *flags) trust(list string) error {
	networks, err := nets.Parse(list)
	if err != nil {
		return errors.New("option -P: " + err.Error())
	}
	o.trusted = append(o.trusted, networks...)
	return nil
}

// validHost reports if a name can stand in replies and in a challenge.
func validHost(host string) bool {
	beyondASCII := func(c rune) bool { return c >= 0x7f }
	return address.IsSafe(host) && !strings.ContainsFunc(host, beyondASCII)
}
