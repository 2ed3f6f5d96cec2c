package main

import (
	"errors"

	"vodmr/internal/getopt"
	"vodmr/tlswrap"
)

func parseOptions(args []string) (tlswrap.Config, error) {
	config := tlswrap.Config{CertFile: tlswrap.DefaultCertFile}
	args, err := getopt.Parse(args, "sc:k:a:u:U:", func(letter rune, value string) error {
		set(&config, letter, value)
		return nil
	})
	if err == nil && len(args) == 0 {
		args, err = nil, errors.New("PROG is needed")
	}
	config.Program = args
	return config, err
}

// set takes one option.
func set(config *tlswrap.Config, letter rune, value string) {
	switch letter {
	case 's':
		config.STARTTLS = true
	case 'c':
		config.CertFile = value
	case 'k':
		config.KeyFile = value
	case 'a':
		config.CAFile = value
	case 'u':
		config.Account = value
	case 'U':
		config.ProgramAccount = value
	}
}
