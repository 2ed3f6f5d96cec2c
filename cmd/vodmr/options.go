package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// options are what the command line says.
type options struct {
	port    int           // TCPLOCALPORT for the checkpassword program; 0 leaves it alone
	limit   time.Duration // longest session without a login
	needTLS bool          // no AUTH without TLS
	host    string        // in the greeting, the EHLO reply and the challenge
	prog    []string      // the checkpassword program and its arguments
}

// defaults: vchkpw checks CRAM-MD5 only where the port is one of SMTP's, and 587
// is the one for customers.
func defaults() options {
	return options{port: 587, limit: 300 * time.Second}
}

// parseOptions reads the command line as getopt does: options end at the first
// other word or at "--", since what follows is another program's command line.
func parseOptions(args []string) (options, error) {
	o := defaults()
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		var err error
		if args, err = o.cluster(word[1:], args); err != nil {
			return o, err
		}
	}
	if len(args) < 2 {
		return o, errors.New("HOST and PROG are needed")
	}
	if !validHost(args[0]) {
		return o, fmt.Errorf("HOST %q is no host name", args[0])
	}
	o.host, o.prog = args[0], args[1:]
	return o, nil
}

// cluster reads the letters of one word; the last may take the word's rest or
// the next word as its value. It returns the words that are left.
func (o *options) cluster(letters string, rest []string) ([]string, error) {
	for i, letter := range letters {
		if letter == 'T' {
			o.needTLS = true
			continue
		}
		if letter != 'p' && letter != 't' {
			return rest, fmt.Errorf("unknown option %q", "-"+string(letter))
		}
		value := letters[i+1:]
		if value == "" {
			if len(rest) == 0 {
				return rest, fmt.Errorf("option -%c needs a value", letter)
			}
			value, rest = rest[0], rest[1:]
		}
		return rest, o.set(letter, value)
	}
	return rest, nil
}

// maxLimit is the longest -t in seconds: a day.
const maxLimit = 86400

// set stores the value of an option that has one.
func (o *options) set(letter rune, value string) error {
	n, err := strconv.Atoi(value)
	switch {
	case letter == 'p' && err == nil && 0 <= n && n <= 65535:
		o.port = n
	case letter == 't' && err == nil && 0 < n && n <= maxLimit:
		o.limit = time.Duration(n) * time.Second
	case letter == 'p':
		return fmt.Errorf("-p %q is no port: 0 to 65535", value)
	default:
		return fmt.Errorf("-t %q is no time: 1 to %d seconds", value, maxLimit)
	}
	return nil
}

// validHost says whether a name can stand in replies and in a challenge.
func validHost(host string) bool {
	for _, c := range []byte(host) {
		if c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '@' {
			return false
		}
	}
	return host != ""
}
