package check

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"vodmr/qmail"
)

// A service is what a service directory says: the chain of programs in its run
// script, and the variables in env.
type service struct {
	dir  string
	err  error // the run script cannot be read
	text string

	env      map[string]string
	envError error
	envdir   string   // the folder that envdir is given
	accounts []string // named, but not there

	runs   []string // programs of the chain, in order
	limits []limit
	tcp    tcpserver
	tls    tlsWrapper
	vodmr  greeter
	prog   []string // the checkpassword program and its arguments
	relay  relayer
}

// A tcpserver is what the run script tells it.
type tcpserver struct {
	found bool
	rules string // -x
	slots int    // -c
	host  string
	port  int
	who   who
}

// A tlsWrapper is vodmr-tls's part.
type tlsWrapper struct {
	found     bool
	starttls  bool
	cert, key string
	account   string // -u
	who       who    // -U
}

// A greeter is vodmr's part.
type greeter struct {
	found   bool
	host    string
	port    int // TCPLOCALPORT for the checkpassword program
	needTLS bool
}

// A relayer is vodmr-relay's part.
type relayer struct {
	found                 bool
	qmail, rules, maildir string
}

// path is where a name in the run script leads.
func (s *service) path(name string) string { return within(s.dir, name) }

// who runs vodmr and the checkpassword program: root where nobody is named.
func (s *service) who() who {
	switch {
	case s.tls.who.known:
		return s.tls.who
	case s.tcp.who.known:
		return s.tcp.who
	}
	return who{known: s.tcp.found}
}

// lookUp finds an account; system.user is one.
type lookUp func(name string) (who, string, error)

// readService reads a service directory.
func readService(dir string, users lookUp) service {
	s := service{dir: dir, env: map[string]string{}}
	script, err := qmail.ReadFile(filepath.Join(dir, "run"))
	if err != nil {
		s.err = err
		return s
	}
	s.text = string(script)
	s.readEnv()
	for _, words := range qmail.ShellCommands(s.expand(s.text, users)) {
		s.take(words, users)
	}
	return s
}

// readEnv reads env as envdir does: a file a variable, its first line without
// blanks at its end, NUL standing for a line end. An empty file unsets it.
func (s *service) readEnv() {
	all, err := names(filepath.Join(s.dir, "env"))
	if err != nil && !missing(err) {
		s.envError = err
	}
	for _, name := range all {
		text, err := qmail.ReadFile(filepath.Join(s.dir, "env", name))
		if err != nil {
			s.envError = err
			continue
		}
		line, _, _ := strings.Cut(string(text), "\n")
		s.env[name] = strings.ReplaceAll(strings.TrimRight(line, " \t"), "\x00", "\n")
	}
}

// expand replaces what a run script usually asks the shell for: an account's
// numbers, and variables from env or set in the script itself.
func (s *service) expand(script string, users lookUp) string {
	ask := regexp.MustCompile("(?:\\$\\(|`)id -([ug]) '?([A-Za-z0-9._-]+)'?(?:\\)|`)")
	script = ask.ReplaceAllStringFunc(script, func(found string) string {
		part := ask.FindStringSubmatch(found)
		account, _, err := users(part[2])
		switch {
		case err != nil:
			s.accounts = append(s.accounts, part[2])
			return ""
		case part[1] == "g":
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
		return first(standard, "$"+name)
	})
}

// substituteFiles replaces a command that prints a file's first line.
func (s *service) substituteFiles(script string) string {
	show := regexp.MustCompile(`\$\((?:head -n ?1|cat|<) ?([\w./-]+)\)`)
	return show.ReplaceAllStringFunc(script, func(found string) string {
		text, err := qmail.ReadFile(s.path(show.FindStringSubmatch(found)[1]))
		if err != nil {
			return ""
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return line
	})
}

// take finds the chain in one command of the script.
func (s *service) take(words []string, users lookUp) {
	if words[0] == "for" {
		return // words that a loop goes through
	}
	for i := 0; i < len(words); i++ {
		name, rest := filepath.Base(words[i]), words[i+1:]
		switch name {
		case "sh", "bash", "dash", "ksh":
			if options, after := getopt(rest, ""); options.has('c') && len(after) > 0 {
				for _, inner := range qmail.ShellCommands(after[0]) {
					s.take(inner, users)
				}
				return
			}
		case "softlimit", "s6-softlimit", "chpst", "ulimit":
			s.limits = append(s.limits, limitsOf(name, rest)...)
			if name == "chpst" {
				options, _ := getopt(rest, "uUbe/nlLmdopfcrtP")
				s.become(options['u'], users)
			}
		case "envdir", "s6-envdir":
			if _, after := getopt(rest, ""); len(after) > 0 {
				s.envdir = after[0]
			}
		case "setuidgid", "s6-setuidgid":
			if len(rest) > 0 {
				s.become(rest[0], users)
			}
		case "tcpserver":
			s.takeTCP(rest, users)
		case "vodmr-tls":
			s.takeTLS(rest, users)
			s.runs = append(s.runs, words[i])
		case "vodmr":
			s.takeVodmr(rest)
			s.runs = append(s.runs, words[i])
		case "vodmr-relay":
			options, after := getopt(rest, "qx")
			s.relay = relayer{true, options['q'], options['x'], first(append(after, "Maildir")...)}
			s.runs = append(s.runs, words[i])
		}
	}
}

// become notes that all that follows runs as an account.
func (s *service) become(account string, users lookUp) {
	if account == "" {
		return
	}
	account, _, _ = strings.Cut(account, ":")
	found, _, err := users(account)
	if err != nil {
		s.accounts = append(s.accounts, account)
		return
	}
	s.tcp.who = found
}

func (s *service) takeTCP(rest []string, users lookUp) {
	options, after := getopt(rest, "xtuglbciIC")
	s.tcp.found, s.tcp.rules = true, options['x']
	s.tcp.slots = number(options['c'], 40)
	if uid, err := strconv.ParseUint(options['u'], 10, 32); err == nil {
		s.tcp.who = who{true, uint32(uid), uint32(number(options['g'], 0))}
	}
	if len(after) > 1 {
		s.tcp.host, s.tcp.port = after[0], number(after[1], 0)
	}
}

func (s *service) takeTLS(rest []string, users lookUp) {
	options, _ := getopt(rest, "ckauU")
	s.tls = tlsWrapper{found: true, starttls: options.has('s'), account: options['u']}
	s.tls.cert = first(options['c'], "/var/qmail/control/servercert.pem")
	s.tls.key = first(options['k'], s.tls.cert)
	if name := options['U']; name != "" {
		found, _, err := users(name)
		if err != nil {
			s.accounts = append(s.accounts, name)
		}
		s.tls.who = found
	}
	if name := options['u']; name != "" {
		if _, _, err := users(name); err != nil {
			s.accounts = append(s.accounts, name)
		}
	}
}

func (s *service) takeVodmr(rest []string) {
	options, after := getopt(rest, "pt")
	s.vodmr = greeter{found: true, port: number(options['p'], 587), needTLS: options.has('T')}
	if len(after) > 0 {
		s.vodmr.host = after[0]
		s.prog = after[1:]
	}
	for i, word := range s.prog {
		if filepath.Base(word) == "vodmr-relay" {
			s.prog = s.prog[:i]
			break
		}
	}
}

// options are a program's options, by their letters.
type options map[byte]string

func (o options) has(letter byte) bool { _, ok := o[letter]; return ok }

// getopt reads options as getopt(3) does; withValue are those that take a value.
func getopt(words []string, withValue string) (options, []string) {
	o := options{}
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

// number reads a number; anything else is the standard.
func number(text string, standard int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return standard
	}
	return n
}
