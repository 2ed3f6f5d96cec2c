package check

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodmr/internal/address"
	"vodmr/internal/locate"
	"vodmr/maildir"
)

const (
	noFront       kind = "wrong | has nobody who listens, so no mail comes in | start the mail server that fills the Maildirs, and let it listen on this address"
	silentFront   kind = "wrong | does not greet as a mail server does | look at the mail server's log"
	badConfig     kind = "wrong | has a configuration that the mail server refuses | correct what it names"
	noLMTP        kind = "wrong | does not offer LMTP | write lmtp into the protocols of Dovecot: only its LMTP service writes the lines that vodmr-relay needs"
	severalAtOnce kind = "wrong | lets Dovecot have several recipients in one transaction | set it to 1 in main.cf and reload Postfix: otherwise a message to several recipients tells none of them, and stays"
	notNamed      kind = "doubtful | is not named in the mail server's configuration | is there a match rule for the domain? if a table has it, see for yourself"
)

// agentSetting is the value of VODMR_MTA for the whole site: the service's, or that of env in
// the home of the control files.
func (s *site) agentSetting() string {
	return cmp.Or(s.service.env["VODMR_MTA"], locate.Environ(s.home)("VODMR_MTA"))
}

// agent is the name of the agent for the whole site.
func (s *site) agent() string {
	agent, err := maildir.AgentNamed(s.agentSetting())
	if err != nil {
		agent = maildir.Agent{} // the check of the settings says it
	}
	return agent.Name()
}

// agent is the value for the login: a rule's counts most.
func (m *mailbox) agent() string {
	if m.found() && m.grantErr == nil {
		return m.grant.Settings.Agent.Name()
	}
	return m.site.agent()
}

// fills reports if a mail server fills one of the Maildirs, or would fill those of logins
// that nobody named.
func (s *site) fills(agent string) bool {
	return s.agent() == agent || slices.ContainsFunc(s.mailboxes, func(m *mailbox) bool { return m.agent() == agent })
}

// ofQmail is a check of a domain for the Maildirs that qmail fills.
func ofQmail(look func(*route, *report)) func(*route, *report) {
	return func(rt *route, r *report) {
		if rt.m.agent() == "qmail" {
			look(rt, r)
		}
	}
}

// checkFrontPort looks if a mail server listens on this host's port 25.
func checkFrontPort(s *site, r *report) {
	if s.fills("qmail") {
		return // qmail's own checks follow the mail to the Maildir
	}
	subject := "port " + strconv.Itoa(s.smtp)
	conn, err := s.dialFront()
	if r.failed(err, subject, noFront) {
		return
	}
	defer conn.Close()
	greeting, err := greet(conn)
	if err != nil || greeting.Code != 220 {
		r.say(subject, silentFront, fmt.Sprint(greeting, err))
		return
	}
	r.ok(subject, "is answered by "+strings.Join(greeting.Lines, " "))
}

// dialFront connects to the mail server, on the first of this host's addresses that it
// listens on.
func (s *site) dialFront() (net.Conn, error) {
	var first error
	for _, host := range localAddresses() {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(s.smtp)), s.waitIO)
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(6 * s.waitIO))
			return conn, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// localAddresses are this host's addresses, the loopback first.
func localAddresses() []string {
	hosts := []string{"127.0.0.1", "::1"}
	all, _ := net.InterfaceAddrs()
	for _, addr := range all {
		if network, ok := addr.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			hosts = append(hosts, network.IP.String())
		}
	}
	return hosts
}

// checkFrontConfig lets a mail server look at its own configuration.
func checkFrontConfig(s *site, r *report) {
	for _, server := range []struct {
		agent, name string
		ask         func() (toolRun, error) // by a command that fails if the configuration is bad
	}{
		{"opensmtpd", "OpenSMTPD", func() (toolRun, error) { return s.tool("smtpd", "-n") }},
		{"postfix", "Postfix", func() (toolRun, error) { return s.tool("postconf", "-h", "mail_version") }},
		{"exim", "Exim", func() (toolRun, error) { return s.exim("-bV") }},
	} {
		if s.fills(server.agent) {
			run, err := server.ask()
			// That the tool is missing is said of each domain.
			r.sayIf(!errors.Is(err, errNoTool) && (err != nil || run.code != 0), server.name, badConfig, run.reason())
		}
	}
	if s.fills("dovecot") {
		checkDovecot(s, r)
	}
}

func checkDovecot(s *site, r *report) {
	run, err := s.tool("doveconf", "-h", "protocols")
	if err == nil && run.code != 0 {
		r.say("Dovecot", badConfig, run.reason())
	} else if err == nil && !slices.Contains(words(strings.ToLower(run.out)), "lmtp") {
		r.say("Dovecot", noLMTP, strings.TrimSpace(run.out))
	}
}

// checkWay follows a domain's mail through a mail server that is not qmail.
func checkWay(rt *route, r *report) {
	if agent := rt.m.agent(); agent == "postfix" {
		askPostfix(rt, r)
	} else if agent == "exim" {
		askExim(rt, r)
	} else if agent == "opensmtpd" {
		askOpenSMTPD(rt, r)
	} else if agent == "dovecot" || agent == "courier" {
		checkTransactions(rt, r)
		r.ok(rt.name, "whether "+agent+" delivers its mail here, only a probe can tell: vodmr-check -p "+rt.m.login)
	}
}

// checkTransactions looks at how Postfix hands a domain's mail to Dovecot: if it gives
// several recipients in one transaction, Dovecot writes no Delivered-To.
func checkTransactions(rt *route, r *report) {
	p := &postfix{run: rt.site.tool}
	if rt.m.agent() != "dovecot" || p.setting("mail_version") == "" {
		return
	}
	for _, end := range p.deliver(probeLocal + "@" + rt.name) {
		transport, found := strings.CutPrefix(end.handed, "transport ")
		transport, _, _ = strings.Cut(transport, ":")
		name := transport + "_destination_recipient_limit"
		limit := cmp.Or(p.setting(name), p.setting("default_destination_recipient_limit"))
		r.sayIf(found && limit != "1", "Postfix "+name, severalAtOnce, limit)
	}
}

// askOpenSMTPD looks for a domain in the configuration: as a word, or in a file that a table
// is made of. OpenSMTPD has no command that says which rule takes an address.
func askOpenSMTPD(rt *route, r *report) {
	path := filepath.Join(cmp.Or(rt.site.files, "/"), "etc/smtpd.conf")
	if run, err := rt.site.tool("smtpd", "-n"); err != nil || run.code != 0 {
		r.sayIf(errors.Is(err, errNoTool), "OpenSMTPD", noMTATool, "smtpd")
		return
	}
	text, err := readText(ids{}, path)
	if r.unreadable(path, err) {
		return
	}
	if namesDomain(string(text), rt.name) {
		r.ok(rt.name, "is named in "+path+"; only a probe tells if it leads here: vodmr-check -p "+rt.m.login)
	} else {
		r.say(rt.name, notNamed, path)
	}
}

// namesDomain reports if a domain is a word of a configuration, or of a file that it names.
func namesDomain(text, domain string) bool {
	for _, word := range configWords(text) {
		_, file, _ := strings.Cut(word, ":")
		if isDomainWord(word, domain) || strings.HasPrefix(file, "/") && fileNames(file, domain) {
			return true
		}
	}
	return false
}

// configWords are the words of a configuration outside its comments.
func configWords(text string) (all []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		all = append(all, strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\n{},=\"'", r) })...)
	}
	return all
}

// isDomainWord reports if a word is the domain, or an address in it.
func isDomainWord(word, domain string) bool {
	lower := address.Lower(word)
	return lower == domain || strings.HasSuffix(lower, "@"+domain)
}

// fileNames reports if a file has the domain as a word.
func fileNames(path, domain string) bool {
	text, err := readText(ids{}, path)
	return err == nil && slices.ContainsFunc(configWords(string(text)), func(word string) bool { return isDomainWord(word, domain) })
}
