package getopt_test

import (
	"errors"
	"strings"
	"testing"

	"vodmr/internal/getopt"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string // the options, then the words that are left
	}{
		{nil, ""},
		{[]string{"w", "-a"}, " w -a"},
		{[]string{"-a", "-b", "v", "w"}, "a b=v w"},
		{[]string{"-abv", "-b-a", "w"}, "a b=v b=-a w"},
		{[]string{"-ab", "-a", "--", "-a"}, "a b=-a -a"},
		{[]string{"-aa", "-", "-a"}, "a a - -a"},
		{[]string{"-é", ""}, "é "},
		{[]string{"", "-a"}, "  -a"},
		{[]string{"-x", "w"}, `unknown option "-x"`},
		{[]string{"-ax\n", "w"}, `a unknown option "-x"`},
		{[]string{"-\n"}, `unknown option "-\n"`},
		{[]string{"-\xff"}, "unknown option \"-\ufffd\""},
		{[]string{"-:"}, `unknown option "-:"`},
		{[]string{"--a"}, `unknown option "--"`},
		{[]string{"-a", "-b"}, "a option -b needs a value"},
		{[]string{"-b", "", "w"}, "option -b needs a value"},
		{[]string{"-b", "wrong", "w"}, "b=wrong no"},
		{[]string{"-ca", "w"}, "c no"},
	} {
		var got []string
		rest, err := getopt.Parse(test.args, "ab:cé", func(letter rune, value string) error {
			word := string(letter)
			if value != "" {
				word += "=" + value
			}
			got = append(got, word)
			if value == "wrong" || letter == 'c' {
				return errors.New("no")
			}
			return nil
		})
		if err != nil {
			if rest != nil {
				t.Errorf("%q: %q beside the error %v", test.args, rest, err)
			}
			got = append(got, err.Error())
		} else if len(got) == 0 && len(rest) > 0 {
			got = append(got, "")
		}
		if all := strings.Join(append(got, rest...), " "); all != test.want {
			t.Errorf("%q: got %q, want %q", test.args, all, test.want)
		}
	}
}
