package getopt

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// An Option is one line of the table.
type Option struct {
	Letter  rune
	long    string // what stands behind the letter in the help
	Value   string // the name of its value; empty if it takes none, in [] if it may be left out
	Help    string // a few words
	Default string // as -h shows it; empty for none
	Set     func(value string) error
}

// By is the option with another text for its default: one that depends on the machine, or
// that another room knows.
func (o Option) By(text string) Option {
	o.Default = text
	return o
}

// Value is an option with a value that set takes. Its errors get the option's name.
func Value(letter rune, value, help string, set func(value string) error) Option {
	return Option{Letter: letter, Value: value, Help: help, Set: func(word string) error {
		if err := set(word); err != nil {
			return errors.New("option -" + string(letter) + ": " + err.Error())
		}
		return nil
	}}
}

// Flag is an option without a value.
func Flag(letter rune, help string, p *bool) Option {
	return Option{Letter: letter, Help: help, Set: func(string) error {
		*p = true
		return nil
	}}
}

// Text is an option with any value. Its default is what p points to.
func Text(letter rune, value, help string, p *string) Option {
	return Option{Letter: letter, Value: value, Help: help, Default: *p, Set: func(value string) error {
		*p = value
		return nil
	}}
}

// Path is an option with an absolute path. The meaning of a relative one would depend on
// the program that changed the directory last: a checkpassword program may change to the
// customer's own.
func Path(letter rune, value, help string, p *string) Option {
	return Option{Letter: letter, Value: value, Help: help, Default: *p, Set: func(value string) error {
		*p = value
		return Absolute(letter, value)
	}}
}

// Absolute refuses a path that does not start with a slash.
func Absolute(letter rune, path string) error {
	if !strings.HasPrefix(path, "/") {
		return errors.New("option -" + string(letter) + " needs an absolute path, not " + strconv.Quote(path))
	}
	return nil
}

// Number is an option with a whole number from least to most. Its default is what p points
// to, if that may be given.
func Number[T ~int | ~int64](letter rune, value, help string, p *T, least, most int64) Option {
	o := Value(letter, value, help, func(word string) error {
		n, err := ParseNumber(word, least, most)
		if err == nil {
			*p = T(n)
		}
		return err
	})
	if n := int64(*p); n >= least {
		o.Default = strconv.FormatInt(n, 10)
	}
	return o
}

// Seconds is an option with a time of 1 to most seconds.
func Seconds(letter rune, help string, p *time.Duration, most int64) Option {
	seconds := int64(*p / time.Second)
	o := Number(letter, "SECONDS", help, &seconds, 1, most)
	set := o.Set
	o.Set = func(word string) error {
		err := set(word)
		*p = time.Duration(seconds) * time.Second
		return err
	}
	return o
}

// ParseNumber reads a whole number from least to most, in digits alone.
func ParseNumber(word string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(word, 10, 64)
	if err == nil && least <= n && n <= most && '0' <= word[0] && word[0] <= '9' {
		return n, nil
	}
	text := "it takes a whole number of at least " + strconv.FormatInt(least, 10)
	if most < math.MaxInt64 {
		text = "it takes a whole number from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10)
	}
	return 0, errors.New(text + ", without a unit, not " + strconv.Quote(word))
}
