package getopt_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/getopt"
	"vodmr/internal/version"
)

// table is a command whose options write down what they were given.
func table(said *[]string, ends func([]string) bool) *getopt.Command {
	note := func(letter rune) func(string) error {
		return func(value string) error {
			word := string(letter)
			if value != "" {
				word += "=" + value
			}
			*said = append(*said, word)
			if value == "wrong" || letter == 'c' {
				return errors.New("no")
			}
			return nil
		}
	}
	return &getopt.Command{Program: "p", Section: 8, Forms: []string{"[OPTION...] WORD", "-c"}, Ends: ends, Flags: []getopt.Option{
		getopt.Value('a', "", "first", note('a')),
		getopt.Value('b', "VALUE", "second", note('b')).By("none"),
		getopt.Value('c', "", "fails", note('c')),
		getopt.Value('é', "", "not ASCII", note('é')),
		getopt.Value('i', "[SECONDS]", "may lack its value", note('i')),
	}}
}

func TestRead(t *testing.T) {
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
		{[]string{"-a", "-b"}, "a option -b needs a value: VALUE"},
		{[]string{"-b", "", "w"}, "option -b needs a value: VALUE"},
		{[]string{"-b", "wrong", "w"}, "b=wrong option -b: no"},
		{[]string{"-ca", "w"}, "c option -c: no"},
		{[]string{"-i", "w"}, "i w"},
		{[]string{"-i", "5", "w"}, "i=5 w"},
		{[]string{"-i5", "w"}, "i=5 w"},
		{[]string{"-i", "5m", "w"}, "i=5m w"},
		{[]string{"-i", "192.0.2.1", "w"}, "i 192.0.2.1 w"},
		{[]string{"-ia", "5"}, "i a 5"},
		{[]string{"-i"}, "i"},
	} {
		var got []string
		rest, err := table(&got, getopt.AtFirstWord).Read(test.args)
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

// Options stand behind words up to the words that end them, or to --.
func TestOptionsBehindWords(t *testing.T) {
	for _, test := range []struct {
		ends func([]string) bool
		want string
	}{
		{nil, "a b=v v w -i"},
		{getopt.AtFirstWord, "v -a w -b v -- -i"},
		{func(words []string) bool { return len(words) == 2 }, "a v w -b v -- -i"},
	} {
		var got []string
		args := []string{"v", "-a", "w", "-b", "v", "--", "-i"}
		rest, err := table(&got, test.ends).Read(args)
		if all := strings.Join(append(got, rest...), " "); err != nil || all != test.want {
			t.Errorf("got %q, %v, want %q", all, err, test.want)
		}
		if strings.Join(args, " ") != "v -a w -b v -- -i" {
			t.Errorf("the command line became %q", args)
		}
	}
}

const help = `usage: p [OPTION...] WORD
       p -c
options:
  -a             first
  -b VALUE       second (default: none)
  -c             fails
  -é             not ASCII
  -i [SECONDS]   may lack its value
  -h, --help     print this text
  -V, --version  print the version
see p(8)
`

func TestAnswers(t *testing.T) {
	for line, want := range map[string]string{
		"-h": help, "--help": help, "-a -h": help, "-ah": help, "-hV": help, "-a --help w": help,
		"-V": version.Line("p"), "--version": version.Line("p"), "-Vh": version.Line("p"),
	} {
		var said []string
		words, err := table(&said, getopt.AtFirstWord).Read(strings.Fields(line))
		var answer getopt.Answer
		if !errors.As(err, &answer) || words != nil {
			t.Errorf("%s: %q, %v", line, words, err)
		}
		if diff := cmp.Diff(want, string(answer)); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", line, diff)
		}
	}
	var said []string
	if words, err := table(&said, getopt.AtFirstWord).Read([]string{"w", "--help"}); err != nil || len(words) != 2 {
		t.Errorf("an option of another program: %q, %v", words, err)
	}
}

// The rows of a table take their defaults from the variables that they set.
func TestOptions(t *testing.T) {
	port, limit, name, path, on := 366, time.Minute, "n", "/p", false
	cmd := getopt.Command{Program: "p", Section: 1, Forms: []string{""}, Flags: []getopt.Option{
		getopt.Number('n', "PORT", "n", &port, 0, 65535),
		getopt.Seconds('s', "s", &limit, 86400),
		getopt.Text('t', "NAME", "t", &name),
		getopt.Path('p', "PATH", "p", &path),
		getopt.Flag('f', "f", &on),
	}}
	for _, o := range cmd.Flags {
		if want := map[rune]string{'n': "366", 's': "60", 't': "n", 'p': "/p"}[o.Letter]; o.Default != want {
			t.Errorf("-%c: the default is %q, not %q", o.Letter, o.Default, want)
		}
	}
	if words, err := cmd.Read(strings.Fields("-n 0 -s 86400 -t x -p /y -f")); err != nil || len(words) > 0 {
		t.Error(words, err)
	}
	if port != 0 || limit != 24*time.Hour || name != "x" || path != "/y" || !on {
		t.Error(port, limit, name, path, on)
	}
	for _, line := range []string{"-n 65536", "-n -1", "-n +1", "-n 0x10", "-n 1k", "-s 0", "-s 86401", "-s 99999999999999999999", "-p y", "-n", "-p"} {
		if _, err := cmd.Read(strings.Fields(line)); err == nil {
			t.Errorf("%s is taken", line)
		}
	}
}

// TestMain is also the program of TestExit.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "exit" {
		var said []string
		cmd := table(&said, nil)
		_, err := cmd.Read(os.Args[2:])
		os.Exit(cmd.Exit(err, 100))
	}
	os.Exit(m.Run())
}

func TestExit(t *testing.T) {
	for _, test := range []struct {
		word, out, log string
		code           int
	}{
		{"--help", help, "", 0},
		{"-x", "", "p: unknown option \"-x\"\nusage: p [OPTION...] WORD\n       p -c\nrun p --help for its options\n", 100},
	} {
		var out, log strings.Builder
		cmd := exec.Command(os.Args[0], "exit", test.word)
		cmd.Stdout, cmd.Stderr = &out, &log
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != test.code || out.String() != test.out || log.String() != test.log {
			t.Errorf("%s: exit %d, %q, %q", test.word, code, out.String(), log.String())
		}
	}
}
