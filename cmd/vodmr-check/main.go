// Vodmr-check looks at a site as vodmr-relay and its neighbours would, and prints each
// fault with what to do about it. See vodmr-check(8).
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"vodmr/check"
	"vodmr/internal/getopt"
	"vodmr/internal/version"
)

const (
	program = "vodmr-check"
	usage   = "usage: vodmr-check [-r] [-d DIR] [-p PORT] [-q QMAILHOME] [-x RULES.CDB] [-o HOST] [LOGIN...]\n" +
		"       vodmr-check -p LOGIN [-a ADDRESS] [-d DIR] [-q QMAILHOME] [-x RULES.CDB]\n" +
		"       vodmr-check -h | -V\n" +
		"see vodmr-check(8)\n"

	exitWrong     = 1
	exitMisuse    = 100
	exitTemporary = 111
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run looks at the site and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	if text := version.Answer(program, usage, args); text != "" {
		if _, err := io.WriteString(stdout, text); err != nil {
			return exitTemporary
		}
		return 0
	}
	config, err := parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n%s", program, err, usage)
		return exitMisuse
	}
	config.Out = stdout
	wrongs, err := check.Run(config)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return exitTemporary
	}
	if wrongs > 0 {
		return exitWrong
	}
	return 0
}

// parse reads the command line. Options come before logins.
func parse(args []string) (config check.Config, err error) {
	config.Logins, err = getopt.Parse(args, "ra:d:o:q:x:p:", func(letter rune, value string) error {
		switch letter {
		case 'r':
			config.Report = true
		case 'a':
			config.To = value
		case 'o':
			config.Out25 = value
		case 'p':
			return takePort(&config, value)
		case 'd':
			config.Dir = value
		case 'q':
			config.Qmail = value
			return getopt.Absolute(letter, value)
		case 'x':
			config.Rules = value
			return getopt.Absolute(letter, value)
		}
		return nil
	})
	if err != nil {
		return config, err
	}
	if slices.Contains(config.Logins, "") {
		return config, errors.New("a LOGIN is empty")
	}
	if config.To != "" && config.Probe == "" {
		return config, errors.New("-a is the recipient of a probe: -p LOGIN is needed")
	}
	return config, nil
}

// takePort takes -p: a number is a port, and any other word is the login that gets a probe. No
// login is a number alone.
func takePort(config *check.Config, value string) error {
	if strings.Trim(value, "0123456789") != "" {
		config.Probe = value
		return nil
	}
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("-p %q is no port: 1 to 65535", value)
	}
	config.Port = int(port)
	return nil
}
