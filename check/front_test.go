package check

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A frontServer stands in for the mail server of a front: it answers on a port, delivers into
// the Maildir, and its commands answer questions.
type frontServer struct {
	site     *testSite
	mu       sync.Mutex // a conversation holds it, and so does a test that changes a field
	greeting string
	refuse   *regexp.Regexp    // recipients that RCPT refuses
	head     string            // written above each message; $TO is the recipient
	deliver  func(text string) // nil writes the message into the Maildir
	conf     map[string]string // Postfix's settings
	tables   map[string]string // by table and key
	answers  map[string]toolRun
}

// by makes a front of a good site: a mail server without qmail, and vodmr-checkpw.
func (s *testSite) by(mta string) *frontServer {
	s.t.Helper()
	s.must(os.RemoveAll(s.path("qmail")))
	s.must(os.MkdirAll(s.path("service/control"), 0o755))
	for _, name := range []string{"bin/vodmr-sendmail", "bin/vodmr-checkpw", "sendmail"} {
		s.write(name, "#!/bin/sh\ncat >$0.took\n", 0o755)
	}
	s.run("$ROOT/bin/vchkpw", "$ROOT/bin/vodmr-checkpw $ROOT/service/vpasswd", "-q $ROOT/qmail", "-q $ROOT/service")
	owner := strconv.Itoa(s.owner)
	s.owned("service/vpasswd", login+":x:"+owner+":"+owner+":odmr:$ROOT/domains/example.org/odmr:-:"+secret+"\n", 0o600)
	s.write("service/env/VODMR_MTA", mta+"\n", 0o644)
	s.must(os.Chmod(s.path("domains/example.org"), 0o711))
	s.must(os.Remove(s.path(domain + ".qmail-default")))
	s.must(os.Remove(s.path(domain + "vpasswd")))
	f := s.front
	f.greeting = "220 mail.provider.test ESMTP"
	f.head = "Return-Path: <>\nX-Original-To: $TO\nDelivered-To: $TO\nReceived: from here by there\n"
	f.conf = map[string]string{
		"mail_version": "3.7.11", "mydestination": "localhost", "myorigin": "mail.provider.test", "virtual_mailbox_domains": "hash:/domains",
		"virtual_mailbox_base": s.root, "virtual_mailbox_maps": "hash:/boxes", "virtual_uid_maps": "static:" + owner, "virtual_gid_maps": "static:" + owner,
		"virtual_minimum_uid": "100", "virtual_transport": "virtual", "local_transport": "local:mail.provider.test",
		"message_size_limit": "10240000", "virtual_mailbox_limit": "51200000", "mailbox_size_limit": "51200000",
	}
	f.tables = map[string]string{
		"hash:/domains example.org": "OK", "hash:/boxes @example.org": "domains/example.org/odmr/Maildir/",
		"static:" + owner + " ": owner,
	}
	f.answers = map[string]toolRun{}
	s.system.tool = f.tool
	s.system.user = func(name string) (ids, string, error) {
		if name == "stranger" {
			return ids{true, 4242, 4242}, "/", nil
		}
		return s.user(name)
	}
	s.system.smtp = f.listen()
	return f
}

// tool stands in for the mail server's commands.
func (f *frontServer) tool(name string, args ...string) (toolRun, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	if run, known := f.answers[line]; known {
		return run, nil
	}
	if _, isPostfix := f.conf["mail_version"]; !isPostfix || name != "postconf" && name != "postmap" {
		return toolRun{}, errNoTool
	}
	if name == "postconf" {
		return toolRun{out: f.conf[args[1]] + "\n"}, nil
	}
	key, table := args[1], args[2]
	value, found := f.tables[table+" "+key]
	if !found && strings.HasPrefix(table, "static:") {
		value, found = f.tables[table+" "]
	}
	if !found {
		return toolRun{code: 1}, nil
	}
	return toolRun{out: value + "\n"}, nil
}

func (f *frontServer) listen() (port int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	f.site.must(err)
	f.site.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go f.talk(conn)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// talk is one conversation by SMTP.
func (f *frontServer) talk(conn net.Conn) {
	defer conn.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := bufio.NewReader(conn)
	say := func(reply string) { _, _ = conn.Write([]byte(reply + "\r\n")) }
	say(f.greeting)
	to := ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		if rcpt, ok := strings.CutPrefix(line, "RCPT TO:"); ok && f.refuse != nil && f.refuse.MatchString(rcpt) {
			say("550 5.1.1 nobody has that address")
		} else if ok {
			to = strings.Trim(rcpt, "<>")
			say("250 ok")
		} else if line == "DATA" {
			say("354 go on")
			f.take(lines, to)
			say("250 queued")
		} else if line == "QUIT" {
			say("221 bye")
			return
		} else {
			say("250 ok")
		}
	}
}

// take reads a message and delivers it.
func (f *frontServer) take(lines *bufio.Reader, to string) {
	text := strings.ReplaceAll(f.head, "$TO", to)
	for {
		line, err := lines.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		text += strings.TrimRight(line, "\r\n") + "\n"
	}
	if f.deliver != nil {
		f.deliver(text)
		return
	}
	f.site.owned(domain+"odmr/Maildir/tmp/new", text, 0o600)
	name := fmt.Sprintf("%sodmr/Maildir/new/%d.M1P1.front", domain, time.Now().Unix())
	f.site.must(os.Rename(f.site.path(domain+"odmr/Maildir/tmp/new"), f.site.path(name)))
}

// plain replaces a line's numbers that differ in each run.
func (f *frontServer) plain(line string) string {
	line = strings.Replace(line, fmt.Sprintf("port %d:", f.site.system.smtp), "port 25:", 1)
	line = strings.Replace(line, fmt.Sprintf("1:%d:", f.site.system.smtp), "1:25:", 1)
	line = regexp.MustCompile(`[0-9]+\.M1P1\.front`).ReplaceAllString(line, "FILE")
	return regexp.MustCompile(`vodmr-check-probe-[a-z0-9]{8}@`).ReplaceAllString(line, "RANDOM@")
}

func frontSetups() []setup {
	return []setup{
		{"a mail server that nobody knows", func(s *testSite) {
			s.write("service/env/VODMR_MTA", "smail\n", 0o644)
		}, []string{"wrong ROOT/service/env: has a setting that makes no sense", strings.TrimPrefix(lost, forRoot)}},
		{"a front that does not listen", func(s *testSite) {
			s.by("postfix")
			s.system.smtp = 1
		}, []string{"wrong port 25: has nobody who listens, so no mail comes in"}},
		{"a front that turns callers away", func(s *testSite) {
			f := s.by("postfix")
			f.mu.Lock()
			defer f.mu.Unlock()
			f.greeting = "554 no SMTP service here"
		}, []string{"wrong port 25: does not greet as a mail server does"}},
		{"vodmr-sendmail without a sendmail", func(s *testSite) {
			s.by("postfix")
			s.must(os.Remove(s.path("sendmail")))
		}, []string{"wrong ROOT/sendmail: is not there, so vodmr-sendmail can send no bounce"}},
		{"VODMR_SENDMAIL names nothing", func(s *testSite) {
			s.by("postfix")
			s.write("service/env/VODMR_SENDMAIL", "/nonexistent/msmtp\n", 0o644)
		}, []string{"wrong /nonexistent/msmtp: is not there, so vodmr-sendmail can send no bounce"}},
		{"no way for bounces", func(s *testSite) {
			s.by("postfix")
			s.must(os.Remove(s.path("bin/vodmr-sendmail")))
			s.write("service/env/PATH", "/nonexistent\n", 0o644)
		}, []string{"wrong bounces: can be sent by no program"}},
		{"bounces go to the customer", func(s *testSite) {
			s.by("postfix")
			s.must(os.Remove(s.path("bin/vodmr-sendmail")))
			s.write("service/env/PATH", "/nonexistent\n", 0o644)
			s.write("service/env/VODMR_BOUNCE", "customer\n", 0o644)
		}, nil},
		{"a front that writes no Received", func(s *testSite) {
			s.by("postfix")
			s.owned(domain+"odmr/Maildir/new/"+recent(), "Return-Path: <ann@s.test>\nDelivered-To: bob@example.org\nSubject: x\n\nx\n", 0o600)
		}, []string{"wrong " + box + ": has mail without a Received below the mail server's own lines"}},
		{"another mail server fills the Maildir", func(s *testSite) {
			s.by("dovecot").conf = nil
			s.owned(domain+"odmr/Maildir/new/"+recent(), "Envelope-to: bob@example.org\nReceived: x\n\nx\n", 0o600)
		}, []string{"wrong " + box + ": has mail with an envelope that vodmr-relay cannot read"}},
	}
}

func postfixSetups() []setup {
	// with changes settings, in pairs of name and value.
	with := func(changes ...string) func(s *testSite) {
		return func(s *testSite) {
			f := s.by("postfix")
			for i := 0; i < len(changes); i += 2 {
				f.conf[changes[i]] = changes[i+1]
			}
		}
	}
	table := func(changes ...string) func(s *testSite) {
		return func(s *testSite) {
			f := s.by("postfix")
			f.conf["virtual_alias_maps"] = "hash:/aliases"
			for i := 0; i < len(changes); i += 2 {
				f.tables[changes[i]] = changes[i+1]
			}
		}
	}
	return []setup{
		{"no Postfix", func(s *testSite) { s.by("postfix").conf = nil }, []string{"doubtful Postfix: has no command that could be asked about the domain"}},
		{"a domain that Postfix does not know", with("virtual_mailbox_domains", "example.net, $ROOT/none"),
			[]string{"wrong example.org: is not a domain that the mail server takes mail for"}},
		{"a domain in two lists", with("mydestination", "localhost, example.org"),
			[]string{"wrong example.org: is in more than one of mydestination, virtual_mailbox_domains and virtual_alias_domains"}},
		{"no catch-all and no postmaster", table("hash:/boxes @example.org", "", "hash:/boxes bob@example.org", "domains/example.org/odmr/Maildir/"),
			[]string{"wrong example.org: is delivered to another place than this Maildir"}},
		{"single addresses", func(s *testSite) {
			f := s.by("postfix")
			delete(f.tables, "hash:/boxes @example.org")
			f.tables["hash:/boxes postmaster@example.org"] = "domains/example.org/odmr/Maildir/"
		}, []string{"doubtful example.org: has no catch-all in the mail server"}},
		{"no address at all", func(s *testSite) {
			delete(s.by("postfix").tables, "hash:/boxes @example.org")
		}, []string{"wrong example.org: has no address in the mail server that leads to this Maildir"}},
		{"luser_relay", with("virtual_mailbox_domains", "", "mydestination", "example.org", "luser_relay", "odmr"), nil},
		{"luser_relay, and a list of names", with("virtual_mailbox_domains", "", "mydestination", "example.org", "luser_relay", "odmr",
			"local_recipient_maps", "hash:/names"), []string{"wrong example.org: has no address in the mail server that leads to this Maildir"}},
		{"another Maildir", table("hash:/boxes @example.org", "elsewhere/Maildir/"),
			[]string{"wrong example.org: is delivered to another place than this Maildir"}},
		{"without the slash", table("hash:/boxes @example.org", "domains/example.org/odmr/Maildir"),
			[]string{"wrong example.org: is delivered into one file, not into a Maildir"}},
		{"another uid", with("virtual_uid_maps", "static:4242"), nil}, // no such table
		{"a uid of its own", func(s *testSite) {
			s.by("postfix").tables["static:"+strconv.Itoa(s.owner)+" "] = "4242"
		}, []string{"wrong example.org: is delivered by another user than the one that owns the Maildir"}},
		{"a low uid", with("virtual_minimum_uid", "100000"),
			[]string{"wrong example.org: is delivered by a user below virtual_minimum_uid, so Postfix defers it"}},
		{"an alias, and no X-Original-To", func(s *testSite) {
			f := s.by("postfix")
			f.conf["virtual_alias_maps"], f.conf["enable_original_recipient"] = "hash:/aliases", "no"
			f.tables["hash:/aliases @example.org"] = "all@example.org"
			f.tables["hash:/aliases all@example.org"] = "all@example.org"
		}, []string{"wrong example.org: loses the recipient that the sender wrote"}},
		{"a mailbox limit below the message limit", with("virtual_mailbox_limit", "1000000"),
			[]string{"wrong Postfix virtual_mailbox_limit: is less than the largest message that is taken"}},
		{"a mailbox limit, and messages without one", with("message_size_limit", "0", "virtual_mailbox_limit", "0"),
			[]string{"wrong Postfix mailbox_size_limit: is less than the largest message that is taken"}},
		{"a table that was not made", func(s *testSite) {
			f := s.by("postfix")
			f.answers["postmap -q example.org hash:/domains"] = toolRun{code: 1, errors: "postmap: fatal: open database /domains.db: No such file or directory\n"}
		}, []string{"wrong Postfix: has a table that cannot be asked"}},
		{"a table that is old", func(s *testSite) {
			f := s.by("postfix")
			table := "hash:" + s.path("boxes")
			s.write("boxes", "@example.org x\n", 0o644)
			s.write("boxes.db", "", 0o644)
			s.age("boxes.db")
			f.conf["virtual_mailbox_maps"] = table
			f.tables[table+" @example.org"] = "domains/example.org/odmr/Maildir/"
		}, []string{"wrong ROOT/boxes.db: is a table that is older than its text"}},
		{"settings that Postfix refuses", func(s *testSite) {
			s.by("postfix").answers["postconf -h mail_version"] = toolRun{code: 1, errors: "postconf: fatal: main.cf, line 3: missing '='"}
		}, []string{"wrong Postfix: has a configuration that the mail server refuses"}},
	}
}

func otherSetups() []setup {
	const routed = "vodmr-check-probe@example.org\n  router = front, transport = front_maildir\n"
	exim := func(answers ...string) func(s *testSite) {
		return func(s *testSite) {
			f := s.by("exim")
			f.conf = nil
			f.answers["exim4 -bV"] = toolRun{out: "Exim version 4.96\n"}
			for i := 0; i < len(answers); i += 2 {
				f.answers["exim4 "+answers[i]] = toolRun{out: strings.ReplaceAll(answers[i+1], "$ROOT", s.root)}
			}
		}
	}
	const lines = "driver = appendfile\nbatch_max = 1\ndelivery_date_add\nenvelope_to_add\nmaildir_format\nreturn_path_add\n"
	const refused = "nobody@example.org is undeliverable: Unrouteable address\n"
	return []setup{
		{"no Exim", func(s *testSite) { s.by("exim").conf = nil }, []string{"doubtful Exim: has no command that could be asked about the domain"}},
		{"Exim as it should be", exim("-bt vodmr-check-probe@example.org", routed, "-bP transport front_maildir", lines+"directory = $ROOT/domains/$domain/odmr/Maildir\n"), nil},
		{"Exim delivers elsewhere", exim("-bt vodmr-check-probe@example.org", routed, "-bP transport front_maildir", lines+"directory = /var/mail/$domain\n"),
			[]string{"wrong example.org: is delivered to another place than this Maildir"}},
		{"Exim without its lines", exim("-bt vodmr-check-probe@example.org", routed, "-bP transport front_maildir", "driver = appendfile\nmaildir_format\nno_return_path_add\nbatch_max = 100\n"),
			[]string{"wrong Exim transport front_maildir: has a transport in Exim that leaves out lines that vodmr-relay needs"}},
		{"Exim sends it on", exim("-bt vodmr-check-probe@example.org", strings.ReplaceAll(routed, "front_maildir", "remote_smtp"), "-bP transport remote_smtp", "driver = smtp\n"),
			[]string{"wrong example.org: is not a domain that the mail server takes mail for"}},
		{"Exim looks for another host", exim("-bt vodmr-check-probe@example.org", "x@example.org cannot be resolved at this time: host lookup did not complete\n"),
			[]string{"wrong example.org: is not a domain that the mail server takes mail for"}},
		{"Exim has no catch-all", exim("-bt vodmr-check-probe@example.org", refused, "-bt postmaster@example.org", refused),
			[]string{"wrong example.org: has no address in the mail server that leads to this Maildir"}},
		{"Exim knows postmaster alone", exim("-bt vodmr-check-probe@example.org", refused, "-bt postmaster@example.org", routed,
			"-bP transport front_maildir", lines+"user = mailbox\ndirectory = $ROOT/domains/$domain/odmr/Maildir\n"),
			[]string{"doubtful example.org: has no catch-all in the mail server"}},
		{"Exim delivers as another user", exim("-bt vodmr-check-probe@example.org", routed, "-bP transport front_maildir",
			lines+"user = stranger\ndirectory = $ROOT/domains/$domain/odmr/Maildir\n"),
			[]string{"wrong example.org: is delivered by another user than the one that owns the Maildir"}},
		{"Exim says something else", exim("-bt vodmr-check-probe@example.org", "Exim configuration error in line 3\n"),
			[]string{"wrong Exim: has a table that cannot be asked"}},
		{"OpenSMTPD does not name the domain", func(s *testSite) {
			f := s.by("opensmtpd")
			f.conf = nil
			f.answers["smtpd -n"] = toolRun{errors: "configuration OK\n"}
			s.system.files = s.root
			s.write("etc/smtpd.conf", "table doms file:"+s.path("doms")+"\nmatch from any for domain \"example.net\" action \"in\" # example.org\n", 0o644)
			s.write("doms", "example.com\n", 0o644)
		}, []string{"doubtful example.org: is not named in the mail server's configuration"}},
		{"OpenSMTPD names it in a table", func(s *testSite) {
			f := s.by("opensmtpd")
			f.conf = nil
			f.answers["smtpd -n"] = toolRun{errors: "configuration OK\n"}
			s.system.files = s.root
			s.write("etc/smtpd.conf", "table doms file:"+s.path("doms")+"\nmatch from any for domain <doms> action \"in\"\n", 0o644)
			s.write("doms", "Example.org\n", 0o644)
		}, nil},
		{"OpenSMTPD with an error", func(s *testSite) {
			f := s.by("opensmtpd")
			f.conf = nil
			f.answers["smtpd -n"] = toolRun{code: 1, errors: "/etc/smtpd.conf:3: syntax error\n"}
		}, []string{"wrong OpenSMTPD: has a configuration that the mail server refuses"}},
		{"Dovecot with several recipients at once", func(s *testSite) {
			f := s.by("dovecot")
			f.conf["virtual_transport"], f.conf["default_destination_recipient_limit"] = "lmtp:unix:/run/dovecot/lmtp", "50"
		}, []string{"wrong Postfix lmtp_destination_recipient_limit: lets Dovecot have several recipients in one transaction"}},
		{"Dovecot with one recipient at once", func(s *testSite) {
			f := s.by("dovecot")
			f.conf["virtual_transport"], f.conf["default_destination_recipient_limit"] = "lmtp:unix:/run/dovecot/lmtp", "50"
			f.conf["lmtp_destination_recipient_limit"] = "1"
		}, nil},
		{"Dovecot without LMTP", func(s *testSite) {
			f := s.by("dovecot")
			f.conf = nil
			f.answers["doveconf -h protocols"] = toolRun{out: "imap pop3\n"}
		}, []string{"wrong Dovecot: does not offer LMTP"}},
	}
}
