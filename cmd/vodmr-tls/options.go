package main

import (
	"errors"
	"fmt"

	"vodmr/tlswrap"
)

// defaultCert is where qmail's TLS patches keep chain and key, in one file.
const defaultCert = "/var/qmail/control/servercert.pem"

// parseOptions reads the command line as getopt does: options end at the first
// other word or at "--", since what follows is another program's command line.
func parseOptions(args []string) (tlswrap.Config, error) {
	config := tlswrap.Config{CertFile: defaultCert}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		var err error
		if args, err = cluster(&config, word[1:], args); err != nil {
			return config, err
		}
	}
	if len(args) == 0 {
		return config, errors.New("PROG is needed")
	}
	config.Program = args
	return config, nil
}

// cluster reads the letters of one word; the last may take the word's rest or
// the next word as its value. It returns the words that are left.
func cluster(config *tlswrap.Config, letters string, rest []string) ([]string, error) {
	for i, letter := range letters {
		if letter == 's' {
			config.STARTTLS = true
			continue
		}
		target := setting(config, letter)
		if target == nil {
			return rest, fmt.Errorf("unknown option %q", "-"+string(letter))
		}
		value := letters[i+1:]
		if value == "" && len(rest) > 0 {
			value, rest = rest[0], rest[1:]
		}
		if value == "" {
			return rest, fmt.Errorf("option -%c needs a value", letter)
		}
		*target = value
		return rest, nil
	}
	return rest, nil
}

// setting is where the value of an option goes.
func setting(config *tlswrap.Config, letter rune) *string {
	switch letter {
	case 'c':
		return &config.CertFile
	case 'k':
		return &config.KeyFile
	case 'a':
		return &config.CAFile
	case 'u':
		return &config.Account
	case 'U':
		return &config.ProgramAccount
	}
	return nil
}
