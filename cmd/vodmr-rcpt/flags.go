package main

import (
	"errors"
	"fmt"

	"vodmr/internal/getopt"
)

// flags are the command line.
type flags struct {
	door   string   // the folder with the sockets
	policy bool     // Postfix's policy protocol
	filter bool     // OpenSMTPD's filter protocol
	list   string   // a login or a domain
	forget string   // an address
	words  []string // an address, or a program with its arguments
}

// defaultDoor is where vodmr-front makes the folder.
const defaultDoor = "/var/lib/vodmr/door"

func parse(args []string, getenv func(string) string) (*flags, error) {
	o := &flags{door: getenv("VODMR_DOOR")}
	words, err := getopt.Parse(args, "d:OPl:x:", o.set)
	o.words = words
	if err == nil && o.door == "" {
		o.door = defaultDoor
	}
	if err == nil {
		err = getopt.Absolute('d', o.door)
	}
	if err != nil {
		return nil, err
	}
	return o, o.valid()
}

func (o *flags) set(letter rune, value string) error {
	switch letter {
	case 'd':
		o.door = value
	case 'O':
		o.filter = true
	case 'P':
		o.policy = true
	case 'l':
		o.list = value
	case 'x':
		o.forget = value
	}
	return nil
}

func (o *flags) valid() error {
	modes := 0
	for _, is := range []bool{o.policy, o.filter, o.list != "", o.forget != "", len(o.words) > 0} {
		if is {
			modes++
		}
	}
	if modes == 0 {
		return errors.New("an ADDRESS, a PROG, -P, -O, -l or -x is needed")
	}
	if modes > 1 {
		return fmt.Errorf("an ADDRESS, a PROG, -P, -O, -l and -x exclude each other")
	}
	return nil
}
