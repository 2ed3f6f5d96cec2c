package main

import (
	"errors"

	"vodmr/internal/getopt"
	"vodmr/tlswrap"
)

func parseOptions(args []string) (tlswrap.Config, error) {
	config := tlswrap.Config{CertFile: tlswrap.DefaultCertFile}
	args, err := getopt.Parse(args, "sc:k:a:u:U:", func(letter rune, value string) error {
		if letter == 's' {
			config.STARTTLS = true
		} else {
			*targets(&config)[letter] = value
		}
		return nil
	})
	if err == nil && len(args) == 0 {
		args, err = nil, errors.New("PROG is needed")
	}
	config.Program = args
	return config, err
}

// targets are the fields for the values of options.
func targets(config *tlswrap.Config) map[rune]*string {
	return map[rune]*string{
		'c': &config.CertFile,
		'k': &config.KeyFile,
		'a': &config.CAFile,
		'u': &config.Account,
		'U': &config.ProgramAccount,
	}
}
