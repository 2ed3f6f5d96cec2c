package install

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/relay/spool/history"
	"vodmr/test/kit/screen"
)

// A setUp is a machine with both packages and nothing that starts services. The programs that
// the two commands run are spied on: each writes its arguments to a file first.
type setUp struct {
	*machine
	mail    string // where mail waits
	secrets []string
	screen  string // what the last set-up printed
}

// spied are programs that get secrets or could.
const spied = "atrn awk cat chown chmod cmp cp cut flock getent grep head id ln mkdir mv openssl paste postconf postmap rm rmdir sed setpriv " +
	"setsid sort tail setuidgid tcprules tr useradd userdel vodmr-check vodmr-checkpw vodmr-conf"

func newSetUp(t *testing.T) *setUp {
	t.Helper()
	return newSetUpOn(t, "rm -rf /var/qmail")
}

// newSetUpOn is a set-up on a machine that a script changes first.
func newSetUpOn(t *testing.T, script string) *setUp {
	t.Helper()
	s := &setUp{machine: newMachine(t), mail: "/var/lib/vodmr"}
	s.must(script)
	s.must("dpkg -i --force-depends /stage/bin/*.deb && useradd -m joe && postconf -e maillog_file=/var/log/mail.log\n" +
		": >/spied && chmod 666 /spied")
	for _, name := range []string{"vodmr-front", "atrn-conf"} {
		text := must(t, "../..", "scripts/spliced", filepath.Join("cmd", name, name+".sh"))
		s.must("cat >/usr/local/bin/" + name + " <<'end of the script'\n" + text + "end of the script\nchmod 755 /usr/local/bin/" + name)
	}
	s.must("for name in " + spied + "; do there=$(command -v $name) || exit 1; " +
		`printf '#!/bin/sh\nprintf "%%s\\n" "%s $*" >>/spied\nexec %s "$@"\n' $name $there >/usr/local/bin/$name; chmod 755 /usr/local/bin/$name; done`)
	return s
}

// state is all that the commands could change. What supervisors write changes by itself.
func (s *setUp) state() string {
	s.t.Helper()
	return s.must("postconf -n; postconf -M; postconf -P; getent passwd; getent group; find /etc /var/lib/vodmr /run -type f ! -path '/etc/postfix/*' ! -name '*-' " +
		"! -path '*/log/main/*' ! -path '*/supervise/*' ! -name 'vodmr.*' ! -name '.*' 2>/dev/null | sort | xargs sha256sum")
}

// changed shows which lines differ.
func changed(before, after string) string {
	return cmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n"))
}

// want runs a command that must exit like this and print these texts. It returns what it
// printed.
func (s *setUp) want(code int, command string, texts ...string) string {
	s.t.Helper()
	out, got := s.run(command)
	if got != code {
		s.t.Errorf("exit %d, want %d: %s\n%s", got, code, command, out)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			s.t.Errorf("%s: no %q in\n%s", command, text, out)
		}
	}
	return out
}

// unchanged runs a command that must change nothing.
func (s *setUp) unchanged(code int, command string, texts ...string) {
	s.t.Helper()
	before := s.state()
	out := s.want(code, command, texts...)
	if diff := changed(before, s.state()); diff != "" {
		s.t.Errorf("%s changed something:\n%s\n%s", command, diff, out)
	}
}

// invited runs a command that prints an invitation with a secret, and puts it into a file.
func (s *setUp) invited(command, file string) *url.URL {
	s.t.Helper()
	s.screen = s.want(0, command)
	line := invitationLine.FindString(s.screen)
	u, err := url.Parse(line)
	if err != nil || u.User == nil {
		s.t.Fatalf("%s printed no invitation: %v", command, err)
	}
	secret, ok := u.User.Password()
	if !ok || len(secret) < 22 {
		s.t.Fatalf("%s printed no secret of 128 bits", command)
	}
	s.secrets = append(s.secrets, secret)
	s.must("(umask 077; cat >" + file + " <<'end'\n" + line + "\nend\n)")
	return u
}

// secret fails if a secret, or the hash of one, is anywhere but in files for root or for
// vodmrmail.
func (s *setUp) secret() {
	s.t.Helper()
	for _, secret := range append(s.secrets, "[$]6[$][A-Za-z0-9./]") {
		if out, code := s.run("/usr/bin/grep -e '" + secret + "' /spied"); code == 0 {
			s.t.Errorf("a secret in arguments: %s", out)
		}
	}
	for _, secret := range s.secrets {
		out, _ := s.run("/usr/bin/grep -rlI -e '" + secret + "' /etc /var /root /home /tmp /run /usr/local | xargs -r stat -c '%A %n'")
		for line := range strings.Lines(out) {
			if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "-rw-------") {
				s.t.Errorf("a secret in %s", line)
			}
		}
	}
}

// isShown holds the screen of a first set-up against vodmr-front(8), which shows one under
// systemd and of a Postfix without settings of the administrator.
func (s *setUp) isShown() {
	s.t.Helper()
	before, rest, ok := strings.Cut(s.screen, "vodmr-front: start Postfix\n")
	_, after, sent := strings.Cut(rest, "vodmr-front: send a probe")
	before, log, own := strings.Cut(before, "vodmr-front: make the account vodmrlog, which writes the log\n") // not under systemd
	before += log
	if !ok || !sent || !own {
		s.t.Fatalf("an unknown screen:\n%s", s.screen)
	}
	differs := []string{`Postfix's settings: .*`, `smtpd_recipient_restrictions \(now: .*`, `%40example\.org:[^@]+@`, `pin=\S+`}
	screen.Hold(s.t, "../..", "vodmr-front.8", before, differs...)
	screen.Hold(s.t, "../..", "vodmr-front.8", "vodmr-front: send a probe"+after, differs...)
}

// adminsOwn are settings of Postfix that must survive.
const adminsOwn = `set -e
echo "theirs.example x" >/etc/postfix/vdomains; echo "theirs.example smtp:" >/etc/postfix/transport
postmap /etc/postfix/vdomains /etc/postfix/transport
postconf -e virtual_mailbox_domains=hash:/etc/postfix/vdomains,literal.example transport_maps=hash:/etc/postfix/transport \
	virtual_mailbox_base=/var/vmail virtual_transport=lmtp:unix:private/none
postconf -e inet_interfaces=all inet_protocols=ipv4 myhostname=mail.example.net mydestination=mail.example.net,localhost mynetworks=127.0.0.0/8
postconf -e 'smtpd_recipient_restrictions=check_recipient_access static:DUNNO reject_unauth_destination, reject_non_fqdn_sender'
set +e
`

func TestFrontIsSetUpOnceAndTakenDown(t *testing.T) {
	s := newSetUp(t)
	s.must(adminsOwn)
	before, postfix := s.state(), s.must("postconf -n; postconf -M; postconf -P")
	s.unchanged(0, "vodmr-front -n mail.example.net example.org", "would make the login odmr@example.org", "nothing was changed")
	for command, text := range map[string]string{
		"vodmr-front mail.example.net theirs.example":  "Postfix has theirs.example in its virtual_mailbox_domains",
		"vodmr-front mail.example.net literal.example": "take it out there first",
		"vodmr-front -l": "no front is set up here",
		"postconf -e inet_interfaces=loopback-only; vodmr-front m.example d.example": "postconf -e inet_interfaces=all",
	} {
		s.want(111, command, text)
	}
	s.must("postconf -e inet_interfaces=all")
	if diff := changed(before, s.state()); diff != "" {
		t.Errorf("a refusal changed something:\n%s", diff)
	}

	u := s.invited("vodmr-front mail.example.net Example.ORG", "/root/one")
	s.isShown()
	if u.Host != "mail.example.net:366" || u.User.Username() != "odmr@example.org" || u.Query().Get("domain") != "example.org" || u.Path != "/" {
		t.Errorf("invitation %s", u.Redacted())
	}
	s.unchanged(0, "vodmr-front mail.example.net example.org", "nothing to change")
	s.hasDoor()
	s.fetches("/root/one", "ann@example.org", "Bob+x@example.org")
	s.secret()

	s.want(0, "vodmr-front mail.example.net example.org example.com", "odmr@example.org holds example.org,example.com", "\natrn://odmr%40example.org@mail.example.net")
	s.want(111, "vodmr-front -u other mail.example.net example.com other.example", "odmr@example.org holds one of these domains")
	s.invited("vodmr-front -u Other mail.example.net other.example", "/root/two")
	s.fetches("/root/two", "x@other.example")
	s.want(111, "vodmr-front mail.example.net example.com other.example", "one customer at a time")
	s.want(111, "vodmr-front mail2.example.net example.com", "has the name mail.example.net already")
	list := s.want(0, "vodmr-front -l", "front mail.example.net:366\npin "+u.Query().Get("pin")+"\n", "customer other domains other.example ")

	s.invited("vodmr-front -r odmr@example.org", "/root/three")
	s.want(77, "atrn -f /root/one -w 1 -m /root/Maildir", "refused the login")
	s.fetches("/root/three", "x@example.org", "y@example.com")
	s.secret()
	if strings.Contains(list, s.secrets[0]) {
		t.Error("-l shows a secret")
	}
	s.takesDown(postfix)
}

// fetches sends a message to each address, and fetches them by an invitation, which names no
// domains for this, since a later one may have been added. The order is kept.
func (s *setUp) fetches(invitation string, addresses ...string) {
	s.t.Helper()
	s.must("rm -rf /root/Maildir; sed 's/domain=[^&]*&//g' " + invitation + " >/root/all && chmod 600 /root/all")
	for _, address := range addresses {
		s.must(fmt.Sprintf("echo hello | sendmail -f joe@mail.example.net '%s'", address))
	}
	eventually(s.t, "mail in the Maildir", func() bool {
		return s.must("find "+s.mail+" -path '*/new/*' | wc -l") == fmt.Sprint(len(addresses))
	})
	s.want(0, "atrn -f /root/all -w 1 -m /root/Maildir", fmt.Sprintf("fetched %d messages", len(addresses)))
	got := s.must("cat /root/Maildir/new/* | grep ^Delivered-To: | cut -d' ' -f2 | sort")
	for _, address := range addresses {
		if !strings.Contains(got+"\n", address+"\n") {
			s.t.Errorf("no message for %s among %q", address, got)
		}
	}
	if out := s.must("cat /root/Maildir/new/*"); strings.Contains(out, "X-Original-To") || strings.Contains(out, "vodmr-probe") {
		s.t.Errorf("too much came: %s", out)
	}
}

// policyService is what Postfix is told, as vodmr-rcpt(8) has it.
const policyService = "check_policy_service { unix:private/vodmr-rcpt, timeout=10s, default_action=DUNNO }"

// hasDoor tells if Postfix asks about recipients. The admin's own restrictions keep their order,
// and -a leaves all this out, now and later.
func (s *setUp) hasDoor() {
	s.t.Helper()
	restrictions := "postconf -h smtpd_recipient_restrictions"
	admins := s.must("sed -n 's/^smtpd_recipient_restrictions = //p' /etc/vodmr/postfix.old")
	all := func() {
		s.t.Helper()
		want := "check_recipient_access static:DUNNO reject_unauth_destination, " + policyService + ", reject_non_fqdn_sender"
		if got := s.must(restrictions); got != want {
			s.t.Errorf("smtpd_recipient_restrictions is %q, want %q", got, want)
		}
		if got := s.must("stat -c '%U %G %a' /var/lib/vodmr/door; cat /etc/vodmr/env/VODMR_DOOR"); got != "vodmrmail vodmrdoor 2750\n/var/lib/vodmr/door" {
			s.t.Errorf("the door: %q", got)
		}
	}
	all()
	s.want(0, "vodmr-front -a mail.example.net example.org", "take vodmr-rcpt out of Postfix's settings")
	if got := s.must(restrictions + "; postconf -M vodmr-rcpt/unix 2>/dev/null || :; cat /etc/vodmr/env/VODMR_DOOR"); got != admins {
		s.t.Errorf("with -a there is %q, want the admin's %q", got, admins)
	}
	s.unchanged(0, "vodmr-front mail.example.net example.org", "nothing to change")
	s.must("rm /etc/vodmr/env/VODMR_DOOR")
	s.want(0, "vodmr-front mail.example.net example.org", "add the service vodmr-rcpt")
	all()
	s.asks()
}

// asks puts a refusal where a session would have learnt it: Postfix gives it to a sender.
func (s *setUp) asks() {
	s.t.Helper()
	dir := s.t.TempDir()
	if err := history.NewRecipients(dir, "example.org", time.Now).Refused("gone@example.org", "550 5.1.1 no such user"); err != nil {
		s.t.Fatal(err)
	}
	learnt, err := os.ReadFile(filepath.Join(dir, history.RecipientsFile("example.org")))
	if err != nil {
		s.t.Fatal(err)
	}
	file := "/var/lib/vodmr/door/" + history.RecipientsFile("example.org")
	s.must("cat >" + file + " <<'end'\n" + string(learnt) + "end\nchown vodmrmail " + file + " && chmod 640 " + file)
	say := func(address string) string {
		return s.must("(for line in 'EHLO x' 'MAIL FROM:<a@b.example>' 'RCPT TO:<" + address + ">' QUIT; " +
			`do sleep 0.3; printf '%s\r\n' "$line"; done) | nc -w 5 127.0.0.1 25`)
	}
	if out := say("gone@example.org"); !strings.Contains(out, "\n550 5.1.1 ") || !strings.Contains(out, "no such user") {
		s.t.Errorf("an unknown recipient is not refused: %s", out)
	}
	if out := say("ann@example.org"); strings.Contains(out, "\n550") {
		s.t.Errorf("a recipient that nobody has refused: %s", out)
	}
}

// takesDown removes the customers. Only the mail that waits is left, and the account that
// owns it.
func (s *setUp) takesDown(postfix string) {
	s.t.Helper()
	s.unchanged(0, "vodmr-front -n -d example.org", "would take example.org from odmr@example.org, which keeps example.com")
	s.want(0, "vodmr-front -d example.org", "which keeps example.com")
	s.want(111, "vodmr-front mail.example.net example.org", "for another customer choose a login with -u")
	s.invited("vodmr-front -u third@example.org mail.example.net example.org", "/root/four")
	s.want(0, "vodmr-front -l", "third@example.org domains example.org mailbox /var/lib/vodmr/example.org-2/Maildir")
	s.must("echo hello | sendmail -f joe@mail.example.net x@other.example")
	eventually(s.t, "mail that waits", func() bool { return s.must("find /var/lib/vodmr -path '*/new/*'") != "" })
	s.want(0, "vodmr-front -d example.org example.com other.example", "no customer is left")
	if diff := changed(postfix, s.must("postconf -n; postconf -M; postconf -P")); diff != "" {
		s.t.Errorf("Postfix is not as before:\n%s", diff)
	}
	if left := s.must("find /var/spool/postfix -name '*vodmr*'"); left != "" {
		s.t.Errorf("Postfix keeps %s", left)
	}
	if left := s.must("ls /etc/vodmr 2>&1 || :; getent passwd vodmr; ls /var/lib/vodmr"); !strings.HasSuffix(left, "\nother.example") || strings.Count(left, "\n") != 1 {
		s.t.Errorf("left: %s", left)
	}
	if running := s.must("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o '[t]cpserver' || :"); running != "" {
		s.t.Errorf("still running: %s", running)
	}
}

// provider is a front that needs no Postfix, for a customer on the same machine: its mail is
// put into the Maildir by hand.
const provider = `set -e
postfix stop 2>/dev/null || :
useradd -r vodmr; useradd -r vodmrtls; useradd -r vodmrmail
vodmr-conf -s -u vodmrtls -c /etc/vodmr/tls/cert.pem vodmrmail root /etc/vodmr mail.example.net 'vodmr-checkpw vpasswd' >/dev/null
cd /etc/vodmr && mkdir tls && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=x \
	-keyout tls/key -out tls/chain 2>/dev/null && cat tls/key tls/chain >tls/cert.pem && chmod 600 tls/*
mkdir -p -m 700 /var/lib/vodmr/d/Maildir/new /var/lib/vodmr/d/Maildir/cur /var/lib/vodmr/d/Maildir/tmp
chown -R vodmrmail:vodmrmail /var/lib/vodmr/d && chmod 700 /var/lib/vodmr/d /var/lib/vodmr/d/Maildir
echo "odmr@here.example:$(echo s3cretOfTheProvider | openssl passwd -6 -stdin):$(id -u vodmrmail):$(id -g vodmrmail)::/var/lib/vodmr/d:-:" >>vpasswd
echo 'odmr@here.example:allow,VODMR_DOMAINS="here.example,also.example",VODMR_IDLE="600"' >rules
tcprules rules.cdb t <rules && tcprules tcp.cdb t <tcp
(exec setsid sh ./run >/var/log/provider.log 2>&1 &)
cd /stage
set +e
`

// arrives puts a message into the provider's Maildir, and waits until somebody has it.
func (s *setUp) arrives(to, subject string) {
	s.t.Helper()
	s.must(fmt.Sprintf(`printf 'Return-Path: <a@b.example>\nDelivered-To: %s\nSubject: %s\n\nhello\n' >/var/lib/vodmr/d/Maildir/tmp/%s &&
chown vodmrmail /var/lib/vodmr/d/Maildir/tmp/%[3]s && mv /var/lib/vodmr/d/Maildir/tmp/%[3]s /var/lib/vodmr/d/Maildir/new/1700000000.%[3]s`, to, subject, subject))
	eventually(s.t, subject+" for "+to, func() bool {
		_, code := s.run("grep -q '^Subject: " + subject + "$' /var/mail/joe")
		return code == 0
	})
}

// A setting that is not in main.cf, and has a default that is not empty, is put back too.
func TestFrontOfABareMachine(t *testing.T) {
	s := newSetUp(t)
	s.must("postconf -X virtual_mailbox_domains; postconf -e inet_interfaces=all inet_protocols=ipv4 myhostname=mail.example.net mydestination=localhost")
	all := "postconf -n; postconf -M; postconf -P; getent passwd; getent group; find /etc /var/lib ! -name 'main.cf*' ! -name '*-' ! -path '/var/lib/postfix/*'"
	before := s.must(all)
	s.invited("vodmr-front -p 1366 mail.example.net example.org", "/root/one")
	s.fetches("/root/one", "ann@example.org")

	s.want(0, "vodmr-front -d example.org", "no customer is left")
	if diff := changed(before, s.must(all)); diff != "" {
		t.Errorf("not as before:\n%s", diff)
	}
}

func TestCustomerIsSetUpOnceAndTakenDown(t *testing.T) {
	s := newSetUp(t)
	s.must(provider)
	s.must("postconf -e inet_interfaces=loopback-only inet_protocols=ipv4 myhostname=me.example 'mydestination=me.example, localhost' " +
		"maillog_file=/var/log/mail.log mynetworks=127.0.0.0/8 && : >/var/log/mail.log && sed -i 's/^127.*/& mail.example.net/' /etc/hosts")
	before := s.state()
	pin := s.must("openssl x509 -in /etc/vodmr/tls/cert.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1")
	s.secrets = []string{"s3cretOfTheProvider"}
	invitation := func(domains, pin string) string {
		line := "atrn://odmr%40here.example:s3cretOfTheProvider@mail.example.net/?" + domains + "pin=sha256:" + pin
		return "cat >/root/one <<'end'\n" + line + "\nend\nchmod 600 /root/one; "
	}
	s.unchanged(0, invitation("domain=here.example&", pin)+"atrn-conf -n -P - </root/one", "would add a listener", "would add here.example to Postfix's mydestination")
	s.unchanged(100, "echo atrn://a:b@c@d | atrn-conf -", "more than one @")
	s.unchanged(100, "echo 'atrn://a:b@c/?domain=d&pin=x' | atrn-conf -P -", "is not the SHA-256")
	s.unchanged(100, "atrn-conf nowhere.example", "neither an invitation")
	s.want(0, "atrn-conf - </root/one", "who takes the mail here?", "atrn-conf -P mail.example.net")
	s.want(111, invitation("domain=here.example&", strings.Repeat("0", 64))+"atrn-conf -P - </root/one",
		"`vodmr-front -l' there", "the service is not started yet")

	s.want(0, invitation("domain=here.example&", pin)+"atrn-conf -P - </root/one", "atrn: fetched 0 messages", "start /etc/atrn/mail.example.net/run")
	s.arrives("joe@here.example", "first")
	s.unchanged(0, "atrn-conf -P mail.example.net", "nothing to change")
	s.want(0, "atrn-conf -l", "provider mail.example.net login odmr@here.example domains here.example options -s 127.0.0.1:2525")
	s.relaysForNobody()
	s.want(0, "atrn-conf -P 'atrn://odmr%40here.example@mail.example.net/?domain=here.example&domain=also.example&pin=sha256:"+pin+"'",
		"add also.example to Postfix's mydestination", "restart /etc/atrn/mail.example.net/run")
	s.arrives("joe@also.example", "second")
	s.want(111, "sed 's/:[^:@]*@/:mistyped@/' /etc/atrn/mail.example.net.invitation | atrn-conf -P -", "refused the login", "the invitation that was here before is back")
	s.want(0, "atrn-conf -P 'atrn://odmr%40here.example@mail.example.net/?domain=here.example&pin=sha256:"+pin+"'",
		"take also.example out of Postfix's mydestination", "restart /etc/atrn/mail.example.net/run")
	s.secret()

	s.want(0, "atrn-conf -d mail.example.net", "remove the service and the invitation")
	if diff := changed(before, s.state()); diff != "" {
		t.Errorf("not as before:\n%s", diff)
	}
	if running := s.must("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o '[a]trn -f' || :"); running != "" {
		t.Errorf("still running: %s", running)
	}
}

// relaysForNobody tries what a hijacked provider would.
func (s *setUp) relaysForNobody() {
	s.t.Helper()
	out := s.must(`(for line in 'EHLO x' 'MAIL FROM:<a@b.example>' 'RCPT TO:<joe@here.example>' 'RCPT TO:<x@far.example>' 'RCPT TO:<nobody2@here.example>' ` +
		`'VRFY joe' 'ETRN here.example' 'XCLIENT NAME=x' QUIT; do sleep 0.2; printf '%s\r\n' "$line"; done) | nc 127.0.0.1 2525`)
	var codes []string
	for line := range strings.Lines(out) {
		if len(line) > 3 && line[3] == ' ' {
			codes = append(codes, line[:3])
		}
		for _, word := range []string{"AUTH", "STARTTLS", "XCLIENT", "XFORWARD"} {
			if strings.HasPrefix(line, "250-"+word) {
				s.t.Errorf("the listener offers %s", word)
			}
		}
	}
	if got := strings.Join(codes, " "); !strings.HasPrefix(got, "220 250 250 250 554 550 502 ") || !strings.HasSuffix(got, " 221") {
		s.t.Errorf("replies %s in\n%s", got, out)
	}
}
