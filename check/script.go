package check

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"vodmr/auth/keeper"
	"vodmr/qmail"
	"vodmr/tlswrap"
)

// take finds the chain in one command of the script.
func (s *service) take(words []string, users lookUp) {
	if words[0] == "for" {
		return // words that a loop goes through
	}
	for i, word := range words {
		if s.takeProgram(word, words[i+1:], users) {
			return
		}
	}
}

// takeProgram takes a word of a command if it names a program that is known. rest is the
// words after it. It reports if the rest of the command is done, too.
func (s *service) takeProgram(word string, rest []string, users lookUp) (done bool) {
	switch name := filepath.Base(word); name {
	case "sh", "bash", "dash", "ksh":
		return s.takeShell(rest, users)
	case "softlimit", "s6-softlimit", "chpst", "ulimit":
		s.limits = append(s.limits, limitsOf(name, rest)...)
		if name == "chpst" {
			flags, _ := getopt(rest, chpstValues)
			s.runAs(flags['u'], users)
		}
	case "envdir", "s6-envdir":
		_, after := getopt(rest, "")
		s.envdir = cmp.Or(after...)
	case "setuidgid", "s6-setuidgid":
		s.runAs(cmp.Or(rest...), users)
	case "tcpserver":
		s.takeTCP(rest, users)
	case "vodmr-tls":
		s.takeTLS(rest, users)
		s.runs = append(s.runs, word)
	case "vodmr-proxy":
		flags, _ := getopt(rest, "nlu")
		s.account(flags['u'], users)
		s.runs = append(s.runs, word)
	case "vodmr":
		s.takeVodmr(rest, users)
		s.runs = append(s.runs, word)
	case "vodmr-relay":
		s.takeRelay(rest)
		s.runs = append(s.runs, word)
	}
	return false
}

// takeShell takes the commands of a shell's -c.
func (s *service) takeShell(rest []string, users lookUp) (done bool) {
	flags, after := getopt(rest, "")
	if !flags.has('c') || len(after) == 0 {
		return false
	}
	for _, inner := range qmail.ShellCommands(after[0]) {
		s.take(inner, users)
	}
	return true
}

// runAs notes that all later programs run as an account.
func (s *service) runAs(account string, users lookUp) {
	account, _, _ = strings.Cut(account, ":")
	if found := s.account(account, users); found.known {
		s.tcp.runsAs = found
	}
}

// account looks an account up, if one is named, and notes one that is not there.
func (s *service) account(name string, users lookUp) ids {
	if name == "" {
		return ids{}
	}
	found, _, err := users(name)
	if err != nil {
		s.accounts = append(s.accounts, name)
	}
	return found
}

func (s *service) takeTCP(rest []string, users lookUp) {
	flags, after := getopt(rest, "xtuglbciIC")
	s.tcp.found, s.tcp.rules = true, flags['x']
	s.tcp.slots = number(flags['c'], 40)
	if uid, err := strconv.ParseUint(flags['u'], 10, 32); err == nil {
		s.tcp.runsAs = ids{true, uint32(uid), uint32(number(flags['g'], 0))}
	}
	if len(after) > 1 {
		s.tcp.host, s.tcp.port = after[0], number(after[1], 0)
	}
}

func (s *service) takeTLS(rest []string, users lookUp) {
	flags, _ := getopt(rest, "ckauU")
	s.tls = tlsWrapper{found: true, starttls: flags.has('s'), asks: flags['a'] != "", account: flags['u']}
	s.tls.cert = cmp.Or(flags['c'], tlswrap.DefaultCertFile)
	s.tls.key = cmp.Or(flags['k'], s.tls.cert)
	s.tls.runsAs = s.account(flags['U'], users)
	s.account(s.tls.account, users)
}

func (s *service) takeVodmr(rest []string, users lookUp) {
	flags, after := getopt(rest, "ptPuU")
	s.vodmr = greeter{
		found: true, port: number(flags['p'], keeper.DefaultPort), needTLS: flags.has('T'), trusts: flags['P'], account: flags['u'],
	}
	s.account(s.vodmr.account, users)
	s.vodmr.runsAs = s.account(flags['U'], users)
	if len(after) > 0 {
		s.vodmr.host = after[0]
		s.prog = after[1:]
	}
	if i := slices.IndexFunc(s.prog, func(word string) bool { return filepath.Base(word) == "vodmr-relay" }); i >= 0 {
		s.prog = s.prog[:i]
	}
}

func (s *service) takeRelay(rest []string) {
	flags, after := getopt(rest, "qx")
	s.relay = relayer{true, flags['q'], flags['x'], cmp.Or(append(after, "Maildir")...)}
}

// flags are a program's options, by their letters.
type flags map[byte]string

func (o flags) has(letter byte) bool { _, ok := o[letter]; return ok }

// getopt reads options as getopt(3) does; withValue are those that take a value.
func getopt(words []string, withValue string) (flags, []string) {
	o := flags{}
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' {
		word := words[0]
		words = words[1:]
		if word == "--" {
			break
		}
		for i := 1; i < len(word); i++ {
			if strings.IndexByte(withValue, word[i]) < 0 {
				o[word[i]] = ""
				continue
			}
			value := word[i+1:]
			if value == "" && len(words) > 0 {
				value, words = words[0], words[1:]
			}
			o[word[i]] = value
			break
		}
	}
	return o, words
}

// number reads a number. If text is none, it is standard.
func number(text string, standard int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return standard
	}
	return n
}

// expand replaces the substitutions that run scripts usually have: an account's numbers,
// the first line of a file, and variables that env or the script sets.
func (s *service) expand(script string, users lookUp) string {
	ask := regexp.MustCompile("(?:\\$\\(|`)id -([ug]) '?([A-Za-z0-9._-]+)'?(?:\\)|`)")
	script = ask.ReplaceAllStringFunc(script, func(found string) string {
		part := ask.FindStringSubmatch(found)
		account := s.account(part[2], users)
		if !account.known {
			return ""
		}
		if part[1] == "g" {
			return strconv.Itoa(int(account.gid))
		}
		return strconv.Itoa(int(account.uid))
	})
	script = s.substituteFiles(script)
	set := map[string]string{"PWD": s.dir}
	assign := regexp.MustCompile(`(?m)(?:^|&&|;)\s*(?:export\s+)?([A-Za-z_]\w*)=["']?([\w./@:-]*)["']?(?:\s|;|$)`)
	for _, m := range assign.FindAllStringSubmatch(script, -1) {
		set[m[1]] = m[2]
	}
	return os.Expand(script, func(name string) string {
		name, standard, _ := strings.Cut(name, ":-")
		if value, ok := set[name]; ok {
			return value
		}
		if value, ok := s.env[name]; ok {
			return value
		}
		return cmp.Or(standard, "$"+name)
	})
}

// substituteFiles replaces a command that prints a file's first line.
func (s *service) substituteFiles(script string) string {
	show := regexp.MustCompile(`\$\((?:head -n ?1|cat|<) ?([\w./-]+)\)`)
	return show.ReplaceAllStringFunc(script, func(found string) string {
		text, err := readText(ids{}, s.path(show.FindStringSubmatch(found)[1]))
		if err != nil {
			return ""
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return line
	})
}
