package install

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/logformat"
)

// A reader follows INSTALL on two machines, which may be one and the same.
type reader struct {
	*machine // the front
	customer *machine
	steps    map[place][]step
	// also are the words before a sign, beside front and customer, for commands that the
	// front runs.
	also  []string
	began time.Time
	count int
	// before is called before each command that fetches mail.
	before func()
	// other replaces words in a command, for another customer than INSTALL's.
	other *strings.Replacer
	// invitation is the latest one that was printed.
	invitation string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	steps := readSteps(t)
	m := newMachine(t)
	return &reader{machine: m, customer: m, steps: steps, began: time.Now(), before: func() {}, other: strings.NewReplacer()}
}

// do follows a step, with the other steps that it refers to.
func (r *reader) do(part, number int) {
	r.t.Helper()
	found := r.steps[place{part, number}]
	if len(found) == 0 && number == 0 {
		return
	}
	for _, s := range found {
		for _, other := range s.others {
			r.do(other.part, other.step)
		}
		for _, c := range s.commands {
			if m := r.at(c); m != nil {
				r.command(m, c)
			}
		}
	}
}

// at is the machine for a command; nil if no machine here runs it.
func (r *reader) at(c command) *machine {
	if c.requires == "customer" {
		return r.customer
	}
	if c.requires == "front" || slices.Contains(r.also, c.requires) {
		return r.machine
	}
	return nil
}

// part follows all steps of a part.
func (r *reader) part(part, last int) {
	r.t.Helper()
	for number := range last + 1 {
		r.do(part, number)
	}
}

// command runs one of INSTALL's commands: it must succeed and print what INSTALL
// shows.
func (r *reader) command(m *machine, c command) {
	r.t.Helper()
	c.text, c.want = r.other.Replace(c.text), slices.Clone(c.want)
	for i, line := range c.want {
		c.want[i] = r.other.Replace(line)
	}
	if strings.HasPrefix(c.text, "atrn ") || strings.HasPrefix(c.text, "fetchmail ") {
		r.before()
	}
	run, sign := m.run, "#"
	if !c.root {
		run, sign = m.asUser, "$"
	}
	began := time.Since(r.began).Seconds()
	out, code := run(r.typed(c.text))
	r.count++
	if found := printedInvitation.FindString(out); found != "" {
		r.invitation = found
	}
	out = invitedSecret.ReplaceAllString(out, "${1}SECRET@")
	r.t.Logf("%5.1f s %s%s %s\n%s", began, c.requires, sign, c.text, out)
	if code != 0 {
		r.t.Fatalf("INSTALL:%d: exit %d: %s\n%s%s", c.line, code, c.text, out, r.logs())
	}
	if line, missing := c.missing(out); missing {
		r.t.Fatalf("INSTALL:%d: %s\ndid not print %q, but\n%s%s", c.line, c.text, line, out, r.logs())
	}
}

var (
	printedInvitation = regexp.MustCompile(`(?m)^atrn://\S+$`)
	invitedSecret     = regexp.MustCompile(`(atrn://[^:\s]+:)[^@\s]+@`)
)

// typed is a command with all that a person would do at it: go to the folder with the
// packages, and paste the invitation.
func (r *reader) typed(text string) string {
	if strings.Contains(text, " bin/") {
		return "cd /stage; " + text
	}
	if strings.Contains(text, " ./") && strings.Contains(text, ".deb") {
		return "cd /stage/bin; " + text
	}
	if text == "atrn-conf -P -" {
		return "(umask 077; cat >/root/invitation <<'end'\n" + r.invitation + "\nend\n)\n" + text + " </root/invitation; ok=$?; rm /root/invitation; (exit $ok)"
	}
	return text
}

// logs returns the ends of the logs, which may explain a failure.
func (r *reader) logs() string {
	out, _ := r.run("tail -n 20 /var/log/mail.log /etc/vodmr*/log/main/current")
	return "\n" + out
}

// checkLogs fails if a line that multilog has stored does not have a form that
// vodmr-log(5) gives.
func (r *reader) checkLogs() {
	r.t.Helper()
	kept := r.must("cat /etc/vodmr*/log/main/current /etc/vodmr*/expire/log/main/current")
	if !strings.Contains(kept, " end messages=") {
		r.t.Errorf("no session's end in the logs: %s", kept)
	}
	logformat.TestKept(r.t, kept+"\n")
}

// nothingWaits fails if a message is left at the provider.
func (r *reader) nothingWaits(dir string) {
	r.t.Helper()
	if out := r.must("ls " + dir + "/Maildir/new"); out != "" {
		r.t.Errorf("left on the front: %s", out)
	}
}

// Parts 2, 5 and 6: with vpopmail, TLS, and a customer with Postfix, from an empty
// machine to fetching with atrn and fetchmail.
func TestInstallWithVpopmail(t *testing.T) {
	r := newReader(t)
	r.must(vpopmail)
	r.part(2, 13)
	t.Logf("from nothing to the first fetch: %d commands, %.0f s", r.count, time.Since(r.began).Seconds())
	const home = "/home/vpopmail/domains/example.org/odmr"
	r.nothingWaits(home)
	r.part(5, 6)
	r.anotherCustomer()

	r.must(customer)
	fetches := 0
	r.before = func() { fetches++; r.do(2, 12) }
	r.part(6, 0)
	r.nothingWaits(home)
	if fetches < 3 {
		t.Errorf("part 6 has only %d fetches", fetches)
	}
	// Postfix has received the mail that atrn and fetchmail brought, and refused
	// nothing.
	eventually(t, "two messages", func() bool {
		out, _ := r.run("grep -c ^Subject: /var/mail/someone")
		return out == "2"
	})
	if out := r.must("grep -c reject: /var/log/mail.log"); out != "1" {
		t.Errorf("Postfix refused %s, and should have refused the 1 of the trial%s", out, r.logs())
	}
	r.checkLogs()
	t.Logf("all: %d commands, %.0f s", r.count, time.Since(r.began).Seconds())
}

// anotherCustomer adds a customer after TLS was set up: if the steps of part 2 are
// followed, it can connect to both ports, and vodmr-check finds nothing wrong.
func (r *reader) anotherCustomer() {
	r.t.Helper()
	old := r.other
	defer func() { r.other = old }()
	r.other = strings.NewReplacer("example.org", "example.com")
	r.do(2, 3)
	r.do(2, 8)
	r.mustFetch("odmr@example.com", "/home/vpopmail/domains/example.com/odmr", func() { r.do(2, 12) })

	for dir, option := range map[string]string{"/etc/vodmr": "", "/etc/vodmrtls": "-d /etc/vodmrtls "} {
		out, _ := r.run("vodmr-check " + option + "odmr@example.com")
		for _, line := range []string{
			"ok " + dir + "/run: runs ", "ok " + dir + "/rules.cdb: ", "ok /var/qmail/control/servercert.pem: is signed by itself",
			"ok example.com: unknown addresses lead to this mailbox", " 0 wrong, ",
		} {
			if !strings.Contains("\n"+out, line) {
				r.t.Errorf("vodmr-check %sodmr@example.com does not say %q:\n%s", option, line, out)
			}
		}
	}
}

// mustFetch fetches by STARTTLS, and by TLS from the start; put adds a message.
func (r *reader) mustFetch(login, home string, put func()) {
	r.t.Helper()
	r.must("(umask 077; echo 'a long secret' >/root/pw)")
	for host, option := range map[string]string{"mail.example.net": "", "mail.example.net:1366": "-T tls"} {
		put()
		if out, code := r.run("sha256=$(openssl x509 -noout -fingerprint -sha256 -in /var/qmail/control/servercert.pem); atrn " +
			option + ` -F "${sha256#*=}" -u ` + login + " -p /root/pw -m /root/Maildir " + host); code != 0 ||
			!strings.Contains(out, "fetched 1 messages") {
			r.t.Fatalf("%s from %s: exit %d, %s%s", login, host, code, out, r.logs())
		}
		r.nothingWaits(home)
	}
}

// Part 3: without vpopmail.
func TestInstallWithoutVpopmail(t *testing.T) {
	r := newReader(t)
	r.do(2, 0)
	r.part(3, 6)
	r.nothingWaits("/home/odmr")
	r.checkLogs()
	t.Logf("from nothing to the first fetch: %d commands, %.0f s", r.count, time.Since(r.began).Seconds())
	r.do(3, 7)
	r.mustFetch("odmr@example.org", "/home/odmr", func() { r.do(3, 5) })
}

// Parts 4, 8 and 10: a front by another mail server, here Postfix by hand. The customer fetches by an
// invitation that the admin wrote.
func TestInstallByHand(t *testing.T) {
	r := newReader(t)
	r.must("rm -rf /var/qmail; postconf -e myhostname=mail.example.net mydestination=mail.example.net,localhost alias_maps= alias_database= " +
		"inet_interfaces=loopback-only inet_protocols=ipv4 maillog_file=/var/log/mail.log mynetworks=127.0.0.0/8 && postfix start")
	r.do(2, 0)
	r.also = []string{"postfix"}
	r.part(4, 9)
	key := r.must("openssl x509 -in /etc/vodmr/tls/cert.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1")
	r.must("echo hello | sendmail -f ann@sender.example 'Bob+x@example.org'")
	eventually(t, "mail in the Maildir", func() bool { return r.must("ls /var/lib/vodmr/example.org/Maildir/new") != "" })
	r.must("(umask 077; echo 'atrn://odmr%40example.org:a%20long%20secret@mail.example.net/?domain=example.org&pin=sha256:" + key + "' >/root/invitation)")
	r.must("dpkg -i /stage/bin/atrn_*.deb && atrn -f /root/invitation -w 1 -m /root/Maildir")
	got := r.must("cat /root/Maildir/new/*")
	if !strings.Contains(got, "Return-Path: <ann@sender.example>\nDelivered-To: Bob+x@example.org\n") || !strings.HasSuffix(got, "\n\nhello") {
		t.Errorf("fetched: %s", got)
	}
	r.nothingWaits("/var/lib/vodmr/example.org")
	r.part(8, 3)
	r.part(10, 9)
}

// The exit code of a command reaches the test.
func TestMachineTellsExitCodes(t *testing.T) {
	m := newMachine(t)
	for script, want := range map[string]int{"true": 0, "false": 1, "(exit 7)": 7} {
		if out, code := m.run(script); code != want || out != "" {
			t.Errorf("%s: exit %d, %q", script, code, out)
		}
		if out, code := m.asUser(script); code != want || out != "" {
			t.Errorf("%s: exit %d, %q, as a user", script, code, out)
		}
	}
}
