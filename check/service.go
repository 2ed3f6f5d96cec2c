package check

import (
	"cmp"
	"path/filepath"
	"strings"

	"vodmr/qmail"
)

// A service has the facts from a service directory: the chain of programs in its run
// script, and the variables in env.
type service struct {
	dir string
	err error // the run script cannot be read

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

// A tcpserver has tcpserver's part of the run script.
type tcpserver struct {
	found  bool
	rules  string // -x
	slots  int    // -c
	host   string
	port   int
	runsAs ids
}

// A tlsWrapper is vodmr-tls's part.
type tlsWrapper struct {
	found     bool
	starttls  bool
	asks      bool // -a: asks customers for a certificate
	cert, key string
	account   string // -u
	runsAs    ids    // -U: vodmr, and all behind it
}

// A greeter is vodmr's part.
type greeter struct {
	found   bool
	host    string
	port    int // TCPLOCALPORT for the checkpassword program
	needTLS bool
	trusts  string // -P: networks from which TLS is not needed
	account string // -u: that of the process that strangers speak to
	runsAs  ids    // -U: the checkpassword program, and all behind it
}

// A relayer is vodmr-relay's part.
type relayer struct {
	found                 bool
	qmail, rules, maildir string
}

// path is the file that a name in the run script stands for.
func (s *service) path(name string) string { return within(s.dir, name) }

// runsAs is the user that the checkpassword program runs as: root if the script names none.
func (s *service) runsAs() ids { return cmp.Or(s.vodmr.runsAs, s.startedAs()) }

// startedAs is the user that vodmr is started as: root if the script names none.
func (s *service) startedAs() ids {
	return cmp.Or(s.tls.runsAs, s.tcp.runsAs, ids{known: s.tcp.found})
}

// tcpUser is the user that tcpserver becomes: root if the script names none.
func (s *service) tcpUser() ids { return cmp.Or(s.tcp.runsAs, ids{known: true}) }

// lookUp finds an account; system.user is one.
type lookUp func(name string) (ids, string, error)

// readService reads a service directory.
func readService(dir string, users lookUp) service {
	s := service{dir: dir, env: map[string]string{}}
	script, err := readText(ids{}, filepath.Join(dir, "run"))
	if err != nil {
		s.err = err
		return s
	}
	s.readEnv()
	for _, words := range qmail.ShellCommands(s.expand(string(script), users)) {
		s.take(words, users)
	}
	return s
}

// readEnv reads env as envdir does: a file a variable, its first line without
// blanks at its end, NUL standing for a line end. An empty file unsets it.
func (s *service) readEnv() {
	env := filepath.Join(s.dir, "env")
	all, err := openAs(ids{}, env, names)
	if err != nil && !missing(err) {
		s.envError = err
	}
	for _, name := range all {
		text, err := readText(ids{}, filepath.Join(env, name))
		if err != nil {
			s.envError = err
			continue
		}
		line, _, _ := strings.Cut(string(text), "\n")
		s.env[name] = strings.ReplaceAll(strings.TrimRight(line, " \t"), "\x00", "\n")
	}
}

// isVchkpw reports if vpopmail's program checks the passwords.
func (s *service) isVchkpw() bool {
	return len(s.prog) > 0 && filepath.Base(s.prog[0]) == "vchkpw"
}

// checkpwFile is vodmr-checkpw's file, "" for another checkpassword program.
func (s *service) checkpwFile() string {
	if len(s.prog) > 1 && filepath.Base(s.prog[0]) == "vodmr-checkpw" {
		return s.path(s.prog[1])
	}
	return ""
}

// startsAsRoot reports if the checkpassword program is root, as far as is known.
func (s *service) startsAsRoot() bool {
	w := s.runsAs()
	return w.known && w.uid == 0
}

// hasDatabase reports if vpopmail keeps its accounts in a database. If so, there is a file
// in its etc, such as vpopmail.mysql, with the way to the database.
func (s *service) hasDatabase() bool {
	files, _ := filepath.Glob(s.vpopmailFile("vpopmail.*sql"))
	more, _ := filepath.Glob(s.vpopmailFile("vpopmail.ldap"))
	return len(files)+len(more) > 0
}

// vpopmailFile is a file in vpopmail's etc, which lies beside vchkpw's bin.
func (s *service) vpopmailFile(name string) string {
	program := resolved(s.path(s.prog[0]))
	return filepath.Join(filepath.Dir(filepath.Dir(program)), "etc", name)
}
