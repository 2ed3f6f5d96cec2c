package main

import (
	"errors"

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
	words, err := o.command().Read(args)
	o.words = words
	if err == nil && o.door == "" {
		o.door = defaultDoor
	}
	if err == nil {
		err = getopt.Absolute('d', o.door)
	}
	if err == nil {
		err = o.valid()
	}
	return o, err
}

func (o *flags) command() *getopt.Command {
	return &getopt.Command{
		Program: program, Section: 8,
		Forms: []string{"[-d DOOR] ADDRESS", "[-d DOOR] -P | -O", "[-d DOOR] PROG [ARG...]", "[-d DOOR] -l LOGIN", "[-d DOOR] -x ADDRESS"},
		Ends:  func(words []string) bool { return !isAddress(words) },
		Flags: []getopt.Option{
			getopt.Text('d', "DOOR", "the folder with the sockets", &o.door).By("VODMR_DOOR, or " + defaultDoor),
			getopt.Flag('P', "speak Postfix's policy protocol on descriptors 0 and 1", &o.policy),
			getopt.Flag('O', "speak OpenSMTPD's filter protocol on descriptors 0 and 1", &o.filter),
			getopt.Text('l', "LOGIN", "list the refusals that were learnt for a login or a domain", &o.list),
			getopt.Text('x', "ADDRESS", "forget the refusal that was learnt for an address", &o.forget),
		},
	}
}

func (o *flags) valid() error {
	modes := 0
	for _, is := range []bool{o.policy, o.filter, o.list != "", o.forget != "", len(o.words) > 0} {
		if is {
			modes++
		}
	}
	switch modes {
	case 0:
		return errors.New("an ADDRESS, a PROG, -P, -O, -l or -x is needed")
	case 1:
		return nil
	}
	return errors.New("an ADDRESS, a PROG, -P, -O, -l and -x exclude each other")
}
