package check

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vodmr/internal/child"
	"vodmr/qmail"
)

const (
	noService    diagnosis = "no service directory was found"
	noChain      diagnosis = "does not run the whole chain of programs"
	smallLimit   diagnosis = "sets a limit that no Go program can live in"
	noAccount    diagnosis = "names an account that does not exist"
	noTCPRules   diagnosis = "is not there, so tcpserver drops every connection"
	relativePath diagnosis = "tells vodmr-relay a relative path, which it refuses"
	shutLog      diagnosis = "cannot be written by the log's account"
	wrongPort    diagnosis = "tells vchkpw a port where it refuses CRAM-MD5"
	tlsNeedsRoot diagnosis = "takes root's rights away before vodmr-tls needs them"
	weakProgram  diagnosis = "cannot read the passwords with the rights that it has"
)

// checkService looks at the service directory.
func (d *doctor) checkService() {
	if d.Dir == "" {
		d.say("service", noService, "")
		return
	}
	run := d.Dir + "/run"
	if d.service.err != nil {
		if missing(d.service.err) {
			d.say(run, noProgram, "")
		} else {
			d.unreadable(run, d.service.err)
		}
		return
	}
	before := len(d.findings)
	d.runnable(run, run, who{known: true})
	d.checkLog(d.Dir + "/log/run")
	d.checkScript(run)
	d.checkTCPRules()
	d.checkEnv()
	if len(d.findings) == before {
		d.fine(run, "runs "+strings.Join(d.service.runs, ", ")+" for "+first(d.host, "nobody"))
	}
	d.checkPrograms()
}

// checkLog looks at the log's service, if there is one. When nobody takes the log's lines,
// tcpserver waits for somebody once the pipe is full, and lets no customer in.
func (d *doctor) checkLog(run string) {
	if _, err := stat(run); err != nil || !d.runnable(run, run, who{known: true}) {
		return
	}
	text, err := readText(who{}, run)
	if err != nil {
		d.unreadable(run, err)
		return
	}
	log := service{dir: filepath.Dir(run)}
	for _, words := range qmail.ShellCommands(string(text)) {
		log.take(words, d.user)
	}
	for _, account := range slices.Compact(log.accounts) {
		d.say(run, noAccount, account)
	}
	main := filepath.Join(log.dir, "main")
	var stopped *blocked
	if w := log.tcp.who; w.known && errors.As(may(w, main, mayWrite|mayRun), &stopped) {
		d.say(main, shutLog, stopped.Error())
	}
}

// checkScript looks at what the run script says.
func (d *doctor) checkScript(run string) {
	s := &d.service
	if !s.vodmr.found || !s.relay.found || len(s.prog) == 0 {
		d.say(run, noChain, "found "+first(strings.Join(s.runs, ", "), "none of them"))
	}
	for _, limit := range s.limits {
		if limit.tooSmall() {
			d.say(run, smallLimit, limit.String())
		}
	}
	for _, account := range slices.Compact(s.accounts) {
		d.say(run, noAccount, account)
	}
	if s.tls.found && s.tls.account != "" && s.tcp.who.known && s.tcp.who.uid != 0 {
		d.say(run, tlsNeedsRoot, "")
	}
	if s.vodmr.found && d.isVchkpw() && !isSMTPPort(s.vodmr.port) {
		d.say(run, wrongPort, "-p "+strconv.Itoa(s.vodmr.port))
	}
	for _, path := range []string{s.relay.qmail, s.relay.rules} {
		if path != "" && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "$") {
			d.say(run, relativePath, path)
		}
	}
	if s.vodmr.found && !isHost(s.vodmr.host) {
		d.say(run, badName, "HOST "+s.vodmr.host)
	}
}

func (d *doctor) isVchkpw() bool {
	return len(d.service.prog) > 0 && filepath.Base(d.service.prog[0]) == "vchkpw"
}

// checkTCPRules looks at tcpserver's rules by address.
func (d *doctor) checkTCPRules() {
	if d.service.tcp.rules == "" {
		return
	}
	path := d.service.path(d.service.tcp.rules)
	if _, err := stat(path); missing(err) {
		d.say(path, noTCPRules, "")
		return
	}
	if !d.open(path, path, d.service.tcpUser()) {
		return
	}
	rules, err := openRules(path)
	switch {
	case errors.Is(err, qmail.ErrDamaged):
		d.say(path, damaged, err.Error())
		return
	case err != nil:
		d.unreadable(path, err)
		return
	}
	defer rules.Close()
	d.checkStale(path, rules)
}

// checkEnv looks at the variables in env.
func (d *doctor) checkEnv() {
	if name := d.service.envdir; name != "" && !isDir(d.service.path(name)) {
		d.say(d.service.path(name), noProgram, "envdir needs it")
	}
	if d.service.envError != nil {
		d.unreadable(d.Dir+"/env", d.service.envError)
	}
	d.checkSettings(d.Dir+"/env", d.service.env)
	if d.service.env["VODMR_DOMAINS"] != "" {
		d.say(d.Dir+"/env", onlyByRule, "VODMR_DOMAINS")
	}
}

// checkPrograms looks at each program of the chain.
func (d *doctor) checkPrograms() {
	user := d.service.who()
	for _, name := range d.service.runs {
		as := user
		if filepath.Base(name) == "vodmr-tls" {
			as = who{known: true}
		}
		d.checkProgram(name, as)
	}
	if len(d.service.prog) == 0 || !d.checkProgram(d.service.prog[0], user) {
		return
	}
	d.checkRights()
}

// checkProgram looks for a program as the chain does.
func (d *doctor) checkProgram(name string, as who) bool {
	path, err := child.LookPath(name, first(d.service.env["PATH"], os.Getenv("PATH")))
	if err != nil {
		d.say(name, noProgram, err.Error())
		return false
	}
	return d.runnable(name, d.service.path(path), as)
}

// checkRights looks whether the checkpassword program can read the passwords:
// vchkpw as root or as the domain's owner, vodmr-checkpw its file.
func (d *doctor) checkRights() {
	name := d.service.prog[0]
	user := d.service.who()
	s, err := stat(d.service.path(name))
	if err == nil && s.mode&fs.ModeSetuid != 0 {
		user = who{true, s.uid, user.gid}
	}
	if !user.known {
		return
	}
	files := d.passwordFiles()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if !d.canCheck(name, user, path, files[path]) {
			return
		}
	}
	d.fine(name, "runs as "+user.String())
}

// canCheck looks at one file of passwords. vchkpw checks none of a domain that is not its
// own, unless it is root.
func (d *doctor) canCheck(name string, user who, path string, domain who) bool {
	err := may(user, path, mayRead)
	var stopped *blocked
	switch {
	case errors.As(err, &stopped):
		d.say(name, weakProgram, err.Error())
	case err != nil && !missing(err):
		d.unreadable(path, err)
	case domain.known && user.uid != 0 && user.uid != domain.uid:
		d.say(name, weakProgram, user.String()+" is neither root nor "+domain.String()+", the domain's")
	default:
		return true
	}
	return false
}
