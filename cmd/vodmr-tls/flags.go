package main

import (
	"errors"

	"vodmr/internal/getopt"
	"vodmr/tlswrap"
)

func parseOptions(args []string) (tlswrap.Config, error) {
	config := tlswrap.Config{CertFile: tlswrap.DefaultCertFile}
	args, err := command(&config).Read(args)
	if err == nil && len(args) == 0 {
		args, err = nil, errors.New("PROG is needed")
	}
	config.Program = args
	return config, err
}

func command(config *tlswrap.Config) *getopt.Command {
	return &getopt.Command{
		Program: program, Section: 8, Forms: []string{"[OPTION...] PROG ARG..."}, Ends: getopt.AtFirstWord,
		Flags: []getopt.Option{
			getopt.Flag('s', "begin TLS when PROG asks for it (STARTTLS), not at once", &config.STARTTLS),
			getopt.Text('c', "CERTFILE", "the certificate chain, and the key if -k is missing", &config.CertFile),
			getopt.Text('k', "KEYFILE", "the key", &config.KeyFile).By("CERTFILE"),
			getopt.Text('a', "CAFILE|any", "ask customers for a certificate that one of these CAs signed, or any", &config.CAFile),
			getopt.Text('u', "ACCT", "the account that does TLS", &config.Account),
			getopt.Text('U', "ACCT", "the account that runs PROG", &config.ProgramAccount),
		},
	}
}
