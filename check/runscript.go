package check

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vodmr/qmail"
)

const (
	noService    kind = "doubtful | no service directory was found | name it with -d; until then the run script, TLS and the programs are not looked at"
	noChain      kind = "wrong | does not run the whole chain of programs | let it run vodmr HOST, a checkpassword program, and vodmr-relay, in this order; see vodmr(8)"
	smallLimit   kind = "wrong | sets a limit that no Go program can live in | take the limit away: a Go program reserves much address space and dies where it cannot; tcpserver -c bounds the service"
	noAccount    kind = "wrong | names an account that does not exist | make the account, or name one that exists"
	noTCPRules   kind = "wrong | is not there, so tcpserver drops every connection | write rules, if only ':allow', and make it with tcprules"
	relativePath kind = "wrong | tells vodmr-relay a relative path, which it refuses | write the whole path, from the first slash: the customer's own folder is where it would begin"
	shutLog      kind = "wrong | cannot be written by the log's account | chown it to the account in log/run, and start the log again"
	wrongPort    kind = "wrong | tells vchkpw a port where it refuses CRAM-MD5 | leave vodmr's -p out: its default makes vchkpw check CRAM-MD5"
	tlsNeedsRoot kind = "wrong | takes root's rights away before vodmr-tls needs them | take tcpserver's -u and -g away and give vodmr -U"
)

// checkService looks at the service directory.
func checkService(s *site, r *report) {
	if s.Dir == "" {
		r.say("service", noService, "")
		return
	}
	run := s.Dir + "/run"
	if missing(s.service.err) {
		r.say(run, noProgram, "")
		return
	}
	if r.unreadable(run, s.service.err) {
		return
	}
	before := r.faults()
	r.canRun(run, run, ids{known: true})
	checkLog(s, r, s.Dir+"/log/run")
	checkScript(s, r, run)
	checkTCPRules(s, r)
	checkEnv(s, r)
	r.okIf(r.faults() == before, run, "runs "+strings.Join(s.service.runs, ", ")+" for "+cmp.Or(s.host, "nobody"))
}

// checkLog looks at the log's service, if there is one. If no process reads the log's
// lines, tcpserver waits once the pipe is full, and lets no customer in.
func checkLog(s *site, r *report, run string) {
	if _, err := stat(run); err != nil || !r.canRun(run, run, ids{known: true}) {
		return
	}
	text, err := readText(ids{}, run)
	if r.unreadable(run, err) {
		return
	}
	log := service{dir: filepath.Dir(run)}
	for _, words := range qmail.ShellCommands(string(text)) {
		log.take(words, s.user)
	}
	for _, account := range slices.Compact(log.accounts) {
		r.say(run, noAccount, account)
	}
	main := filepath.Join(log.dir, "main")
	if err := may(log.tcp.runsAs, main, mayWrite|mayRun); log.tcp.runsAs.known && isBlocked(err) {
		r.say(main, shutLog, err.Error())
	}
}

// checkScript looks at the chain of programs in the run script.
func checkScript(s *site, r *report, run string) {
	c := &s.service
	r.sayIf(!c.vodmr.found || !c.relay.found || len(c.prog) == 0, run, noChain, "found "+cmp.Or(strings.Join(c.runs, ", "), "none of them"))
	for _, limit := range c.limits {
		r.sayIf(limit.tooSmall(), run, smallLimit, limit.String())
	}
	for _, account := range slices.Compact(c.accounts) {
		r.say(run, noAccount, account)
	}
	r.sayIf(c.tls.found && c.tls.account != "" && c.tcp.runsAs.known && c.tcp.runsAs.uid != 0, run, tlsNeedsRoot, "")
	checkAccounts(c, r, run)
	r.sayIf(c.vodmr.found && c.isVchkpw() && !isSMTPPort(c.vodmr.port), run, wrongPort, "-p "+strconv.Itoa(c.vodmr.port))
	for _, path := range []string{c.relay.qmail, c.relay.rules} {
		r.sayIf(path != "" && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "$"), run, relativePath, path)
	}
	r.sayIf(c.vodmr.found && !isHost(c.vodmr.host), run, badName, "HOST "+c.vodmr.host)
}

// checkTCPRules looks at tcpserver's rules by address.
func checkTCPRules(s *site, r *report) {
	if s.service.tcp.rules == "" {
		return
	}
	path := s.service.path(s.service.tcp.rules)
	if _, err := stat(path); missing(err) {
		r.say(path, noTCPRules, "")
		return
	}
	if !r.canRead(path, path, s.service.tcpUser()) {
		return
	}
	rules, err := openAs(ids{}, path, qmail.OpenRules)
	if r.unopened(path, err) {
		return
	}
	defer rules.Close()
	checkStale(r, path, rules)
}

// checkEnv looks at the variables in env.
func checkEnv(s *site, r *report) {
	envdir := s.service.path(s.service.envdir)
	r.sayIf(envdir != "" && !isDir(envdir), envdir, noProgram, "envdir needs it")
	r.unreadable(s.Dir+"/env", s.service.envError)
	checkSettings(r, s.Dir+"/env", s.service.env)
	r.sayIf(s.service.env["VODMR_DOMAINS"] != "", s.Dir+"/env", onlyByRule, "VODMR_DOMAINS")
}
