// Package getopt owns a program's command line: one table of its options, from which the
// command line is read as getopt(3) does, and from which -h, --help and the completion of
// shells are made. It imports next to nothing, since the programs that are started for
// each connection have it.
package getopt

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"vodmr/internal/fdio"
	"vodmr/internal/version"
)

// A Command is what a program's command line may hold.
type Command struct {
	Program string
	Section int // of its manual page
	// Forms are the ways to call it, each without the program's name.
	Forms []string
	Flags []Option
	// Ends reports if the options end behind these words, since everything that follows
	// belongs to another program. If it is nil they never do: options may stand behind
	// any word.
	Ends func(words []string) bool
}

// AtFirstWord is the Ends of a program whose arguments are a command line to run.
func AtFirstWord([]string) bool { return true }

// An Answer is the text that -h, --help, -V or --version ask for. It takes an error's way
// through a program, for Exit.
type Answer string

func (a Answer) Error() string { return string(a) }

// Read gives each option its value, in order, and returns the other words. "--" ends the
// options. The error is an Answer, or names the option and its fault.
func (c *Command) Read(args []string) (words []string, err error) {
	for len(args) > 0 {
		word := args[0]
		if !isOption(word) {
			words, args = append(words, word), args[1:]
			if c.Ends != nil && c.Ends(words) {
				break
			}
			continue
		}
		args = args[1:]
		if word == "--" {
			break
		}
		if args, err = c.option(word[1:], args); err != nil {
			return nil, err
		}
	}
	return append(words, args...), nil
}

func isOption(word string) bool { return len(word) > 1 && word[0] == '-' }

// option reads one word, without its hyphen. It returns the words that are left.
func (c *Command) option(word string, rest []string) ([]string, error) {
	if letter := map[string]string{"-help": "h", "-version": "V"}[word]; letter != "" {
		word = letter
	}
	for i, letter := range word {
		o, err := c.find(letter)
		if err != nil {
			return nil, err
		}
		value := word[i+len(string(letter)):]
		if o.Value != "" && !(o.mayLack() && startsWithLetter(value)) {
			return o.take(value, rest)
		}
		if err := o.Set(""); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (c *Command) find(letter rune) (*Option, error) {
	for _, o := range c.all() {
		if o.Letter == letter {
			return &o, nil
		}
	}
	return nil, errors.New("unknown option " + strconv.Quote("-"+string(letter)))
}

// all are the options of the table, and those that each program has.
func (c *Command) all() []Option {
	return append(slices.Clip(c.Flags),
		Option{Letter: 'h', long: ", --help", Help: "print this text", Set: func(string) error { return Answer(c.Help()) }},
		Option{Letter: 'V', long: ", --version", Help: "print the version", Set: func(string) error { return Answer(version.Line(c.Program)) }})
}

// take finds the option's value: the rest of its word or, if that is empty, the next
// word. It returns the words that are left.
func (o *Option) take(value string, rest []string) ([]string, error) {
	if value == "" && len(rest) > 0 && (!o.mayLack() || isNumber(rest[0])) {
		value, rest = rest[0], rest[1:]
	}
	if value == "" && !o.mayLack() {
		return nil, errors.New("option -" + string(o.Letter) + " needs a value: " + o.Value)
	}
	return rest, o.Set(value)
}

// mayLack reports if the value may be left out.
func (o *Option) mayLack() bool { return strings.HasPrefix(o.Value, "[") }

func startsWithLetter(word string) bool {
	return word != "" && ('a' <= word[0]|0x20 && word[0]|0x20 <= 'z')
}

// isNumber reports if a word was meant as a number, perhaps with a unit such as 5m. A host's
// address has a dot or a colon.
func isNumber(word string) bool {
	return word != "" && '0' <= word[0] && word[0] <= '9' && !strings.ContainsAny(word, ".:/")
}

// Exit prints an Answer on descriptor 1 and returns 0, or an error with the usage on
// descriptor 2 and returns the exit code misuse.
func (c *Command) Exit(err error, misuse int) int {
	if answer, is := errors.AsType[Answer](err); is {
		_ = fdio.WriteAll(1, []byte(answer))
		return 0
	}
	_ = fdio.WriteAll(2, []byte(c.Misuse(err)))
	return misuse
}

// Fail prints a program's error on descriptor 2, and returns the exit code.
func Fail(program string, err error, code int) int {
	_ = fdio.WriteAll(2, []byte(program+": "+err.Error()+"\n"))
	return code
}

// Misuse is what Exit prints for an error that is no Answer.
func (c *Command) Misuse(err error) string {
	return c.Program + ": " + err.Error() + "\n" + c.usage() + "run " + c.Program + " --help for its options\n"
}
