package main

import (
	"errors"

	"vodmr/internal/getopt"
	"vodmr/internal/nets"
)

type flags struct {
	balancers nets.Nets // -n
	checks    nets.Nets // -l
	program   []string
}

func parseOptions(args []string) (flags, error) {
	var o flags
	words, err := getopt.Parse(args, "n:l:", func(letter rune, value string) error {
		list, err := nets.Parse(value)
		if err != nil {
			return errors.New("option -" + string(letter) + ": " + err.Error())
		}
		if letter == 'n' {
			o.balancers = append(o.balancers, list...)
		} else {
			o.checks = append(o.checks, list...)
		}
		return nil
	})
	if err != nil {
		return o, err
	}
	if len(o.balancers) == 0 {
		return o, errors.New("-n NET is needed: the addresses of the balancers")
	}
	if len(words) == 0 {
		return o, errors.New("PROG is needed")
	}
	o.program = words
	return o, nil
}
