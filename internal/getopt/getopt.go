// Package getopt owns how a command line is read: as getopt(3) does. It imports next
// to nothing, since the programs that are started for each connection have it.
package getopt

import (
	"errors"
	"strconv"
	"strings"
)

// Parse hands each option to set and returns the words behind the options. These
// end at the first other word or at "--", since what follows may be another
// program's command line. known are the letters of all options, each with a colon
// behind it that takes a value: the rest of its word or, if that is empty, the next word, which
// must not be empty. set is called in order; its error ends the parsing.
func Parse(args []string, known string, set func(letter rune, value string) error) ([]string, error) {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0][1:]
		args = args[1:]
		if word == "-" {
			break
		}
		var err error
		if args, err = cluster(word, args, known, set); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// Absolute refuses a path that does not start with a slash. The meaning
// of a relative one would depend on the program that changed the directory last: a
// checkpassword program may change to the customer's own.
func Absolute(letter rune, path string) error {
	if !strings.HasPrefix(path, "/") {
		return errors.New("option -" + string(letter) + " needs an absolute path, not " + strconv.Quote(path))
	}
	return nil
}

// cluster reads the letters of one word. It returns the words that are left.
func cluster(word string, rest []string, known string, set func(letter rune, value string) error) ([]string, error) {
	for i, letter := range word {
		_, after, ok := strings.Cut(known, string(letter))
		if !ok || letter == ':' {
			return nil, errors.New("unknown option " + strconv.Quote("-"+string(letter)))
		}
		if !strings.HasPrefix(after, ":") {
			if err := set(letter, ""); err != nil {
				return nil, err
			}
			continue
		}
		value := word[i+len(string(letter)):]
		if value == "" && len(rest) > 0 {
			value, rest = rest[0], rest[1:]
		}
		if value == "" {
			return nil, errors.New("option -" + string(letter) + " needs a value")
		}
		return rest, set(letter, value)
	}
	return rest, nil
}
