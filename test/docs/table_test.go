package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"vodmr/internal/version"
	"vodmr/test/kit/dialogue"
)

// built builds all programs once and returns their folder. TestMain removes it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "docs")
	if err != nil {
		return "", err
	}
	if err := dialogue.Build(dir, "vodmr/cmd/..."); err != nil {
		return dir, err
	}
	scripts, err := filepath.Glob(filepath.Join(root, "cmd", "*", "*.sh"))
	for _, path := range scripts {
		text, err := exec.Command(filepath.Join(root, "scripts", "spliced"), path).Output()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, strings.TrimSuffix(filepath.Base(path), ".sh")), text, 0o755)
		}
		if err != nil {
			return dir, err
		}
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := built(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// bin is the folder with all programs.
func bin(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// An option is a row of a program's table, as --help prints it.
type option struct{ letter, value, help, byDefault string }

var (
	optionRow  = regexp.MustCompile(`(?m)^  -([A-Za-z])(?:, --[a-z]+| (\S+))?  +(.*)$`)
	defaultRow = regexp.MustCompile(`^(.*) \(default: (.*)\)$`)
)

// optionsOf returns a program's table.
func optionsOf(t *testing.T, program string) (rows []option) {
	t.Helper()
	for _, row := range optionRow.FindAllStringSubmatch(answer(t, bin(t), program, "--help"), -1) {
		o := option{letter: row[1], value: row[2], help: row[3]}
		if found := defaultRow.FindStringSubmatch(o.help); found != nil {
			o.help, o.byDefault = found[1], found[2]
		}
		rows = append(rows, o)
	}
	return rows
}

// TestCompletionIsCurrent: dist/completion is what scripts/completion makes of the programs.
func TestCompletionIsCurrent(t *testing.T) {
	made, there := t.TempDir(), filepath.Join(root, "dist", "completion")
	if out, err := exec.Command(filepath.Join(root, "scripts", "completion"), bin(t), made).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("diff", "-ru", there, made).CombinedOutput(); err != nil {
		t.Errorf("run `make completion' (-there, +made): %v\n%s", err, out)
	}
	for program := range programs(t) {
		path := filepath.Join(made, "bash", program)
		if out, err := exec.Command("bash", "-n", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", path, err, out)
		}
	}
}

// TestCompletionCompletes: bash is asked as for a tab.
func TestCompletionCompletes(t *testing.T) {
	for _, test := range []struct{ program, previous, word, want string }{
		{"atrn", "-T", "s", "starttls"},
		{"atrn", "atrn", "--", "--help --version"},
		{"vodmr-conf", "-m", "", "qmail postfix exim opensmtpd dovecot courier"},
		{"vodmr-conf", "-u", "roo", "root"},
		{"vodmr-front", "x", "-", "-a -n -p -u -x -k -l -r -d -h --help -V --version"},
	} {
		script := `. "$0" && COMP_WORDS=("$1" "$2" "$3") COMP_CWORD=2 && _$4 && echo "${COMPREPLY[*]}"`
		path := filepath.Join(root, "dist", "completion", "bash", test.program)
		out, err := exec.Command("bash", "-c", script, path, test.program, test.previous, test.word, strings.ReplaceAll(test.program, "-", "_")).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
			t.Errorf("%s %s %s: %q, %v, want %q", test.program, test.previous, test.word, got, err, test.want)
		}
	}
}

// mustName are the words of a default that its page must have: the word "default", and
// all that is no plain word.
func mustName(byDefault string) (words []string) {
	if byDefault == "" {
		return nil
	}
	all := strings.FieldsFunc(byDefault, func(r rune) bool { return strings.ContainsRune(" ,;", r) })
	for _, word := range all {
		if word != "none" && word != "never" && len(all) == 1 || strings.ContainsAny(word, "/0123456789") {
			words = append(words, word)
		}
	}
	return append(words, "default")
}

// TestOptionsBehindArguments: options may stand behind arguments, unless these are a command
// line to run, whose options they would be.
func TestOptionsBehindArguments(t *testing.T) {
	runs := map[string]bool{"vodmr": true, "vodmr-tls": true, "vodmr-proxy": true, "vodmr-checkpw": true, "vodmr-rcpt": true}
	for program := range programs(t) {
		cmd := exec.Command(filepath.Join(bin(t), program), "word", "--version")
		cmd.Env = []string{"HOME=/", "PATH=/nonexistent:/usr/bin:/bin"}
		cmd.Stdin = strings.NewReader("")
		out, err := cmd.Output()
		if answered := err == nil && string(out) == version.Line(program); answered == runs[program] {
			t.Errorf("%s word --version: %q, %v", program, out, err)
		}
	}
}

func TestEachOptionIsInItsPage(t *testing.T) {
	known := 0
	for program := range programs(t) {
		t.Run(program, func(t *testing.T) {
			letters, p := map[string]bool{"-help": true, "-version": true}, open(t, program)
			for _, o := range optionsOf(t, program) {
				letters[o.letter] = true
				known++
				item := p.item(o.letter)
				for _, word := range mustName(o.byDefault) {
					if !strings.Contains(item, word) {
						t.Errorf("-%s: the page does not name the default, %s:\n%s", o.letter, o.byDefault, item)
					}
				}
			}
			same(t, "options, in the page", letters, p.items("Fl"))
			if text := strings.Join(p.section(t, "EXAMPLES"), "\n"); !strings.Contains(text, "\n.Bd -literal") {
				t.Error("EXAMPLES has nothing to paste")
			}
		})
	}
	if known < 50 {
		t.Errorf("only %d options were found: this test looks in the wrong place", known)
	}
}
