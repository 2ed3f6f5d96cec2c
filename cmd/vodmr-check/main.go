// Vodmr-check looks at a site as vodmr-relay and its neighbours would, and prints each
// fault with what to do about it. See vodmr-check(8).
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"vodmr/check"
	"vodmr/internal/getopt"
)

const (
	program       = "vodmr-check"
	exitWrong     = 1
	exitMisuse    = 100
	exitTemporary = 111
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run looks at the site and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	config, err := parse(args)
	if err != nil {
		return command(&config).Exit(err, exitMisuse)
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

func parse(args []string) (config check.Config, err error) {
	config.Logins, err = command(&config).Read(args)
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

func command(config *check.Config) *getopt.Command {
	return &getopt.Command{
		Program: program, Section: 8,
		Forms: []string{"[OPTION...] [LOGIN...]", "-p LOGIN [-a ADDRESS] [OPTION...]"},
		Flags: []getopt.Option{
			getopt.Flag('r', "print what a problem report needs, too", &config.Report),
			getopt.Text('d', "DIR", "the service directory", &config.Dir).By("vodmr in one of the usual places"),
			getopt.Value('p', "PORT", "the port; any other word is a LOGIN that gets a probe", func(word string) error { return takePort(config, word) }).By("the run script's"),
			getopt.Text('a', "ADDRESS", "the recipient of that probe", &config.To),
			getopt.Path('q', "QMAILHOME", "the folder that holds control and users", &config.Qmail).By("the run script's"),
			getopt.Path('x', "RULES.CDB", "which login may have which domains and settings", &config.Rules).By("the run script's"),
			getopt.Text('o', "HOST", "another host, to try if port 25 is open for going out", &config.Out25),
		},
	}
}

// takePort takes -p: a number is a port, and any other word is the login that gets a probe. No
// login is a number alone.
func takePort(config *check.Config, value string) error {
	if strings.Trim(value, "0123456789") != "" {
		config.Probe = value
		return nil
	}
	port, err := getopt.ParseNumber(value, 1, 65535)
	config.Port = int(port)
	return err
}
