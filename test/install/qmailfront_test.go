package install

import (
	"strings"
	"testing"
)

// withVpopmail makes stand-ins for qmail and for vpopmail's commands. Each command writes its
// arguments to a file first, where a secret would be seen. sendmail is what is left of
// qmail's delivery. There is no port 25.
const withVpopmail = `set -e
mkdir -p /home/vpopmail/bin /home/vpopmail/real /home/vpopmail/domains
cp /stage/vchkpw /home/vpopmail/real/stand-in
printf '#!/bin/sh\nVCHKPW_DOMAINS=/home/vpopmail/domains exec /home/vpopmail/real/stand-in "$@"\n' >/home/vpopmail/bin/vchkpw
for name in vadddomain vadduser vdeluser vdeldomain vmkpasswd vdelivermail; do
	cp /stage/vpopmail /home/vpopmail/real/$name
	printf '#!/bin/sh\nprintf "%%s\\n" "%s $*" >>/spied\nexec %s "$@"\n' $name /home/vpopmail/real/$name >/home/vpopmail/bin/$name
done
chmod 755 /home/vpopmail /home/vpopmail/bin/*
chmod 700 /home/vpopmail/domains
chown -R vpopmail:vchkpw /home/vpopmail
cat >/usr/sbin/sendmail <<'end of sendmail'
#!/bin/sh
from=
while [ $# -gt 0 ]; do
	case $1 in
	-f) from=${2#<} && from=${from%>} && shift 2 ;;
	--) shift && break ;;
	-*) shift ;;
	*) break ;;
	esac
done
for to; do
	dir=$(sed -n "s/^+${to#*@}-:[^:]*:[^:]*:[^:]*:\\([^:]*\\):.*/\\1/p" /var/qmail/users/assign)
	/home/vpopmail/bin/vdelivermail "$from" "${to%@*}" "${to#*@}" "$(sed 's/.* //' "$dir/.qmail-default")"
done
end of sendmail
printf '.\n' >/var/qmail/users/assign
: >/var/qmail/control/locals
(cd / && /home/vpopmail/bin/vadddomain -r x.example && /home/vpopmail/bin/vdeldomain x.example) >/dev/null # makes users/cdb
cp /bin/sleep /var/qmail/bin/qmail-send
(exec /var/qmail/bin/qmail-send 100000 >/dev/null 2>&1 &)
set +e
`

// newQmailSetUp is a front-to-be with qmail and vpopmail. Postfix is there, and does not run.
func newQmailSetUp(t *testing.T) *setUp {
	t.Helper()
	s := newSetUpOn(t, ": >/spied && chmod 666 /spied\n"+withVpopmail)
	s.mail = "/home/vpopmail/domains"
	return s
}

// site is all that vodmr-front could change, without the mail.
func (s *setUp) site() string {
	s.t.Helper()
	return s.must("getent passwd; getent group; cd / && find etc var/qmail home/vpopmail ! -name '*-' ! -path '*/Maildir/*' -printf '%M %u %p %l\\n' | sort; " +
		"find etc var/qmail home/vpopmail -type f ! -name '*-' ! -path '*/Maildir/*'  | sort | xargs sha256sum; cd /stage")
}

// same runs a command that must leave the site as it is.
func (s *setUp) same(code int, command string, texts ...string) {
	s.t.Helper()
	before := s.site()
	out := s.want(code, command, texts...)
	if diff := changed(before, s.site()); diff != "" {
		s.t.Errorf("%s changed something:\n%s\n%s", command, diff, out)
	}
}

func TestFrontWithQmailAndVpopmail(t *testing.T) {
	s := newQmailSetUp(t)
	before := s.site()
	s.same(0, "vodmr-front -n mail.example.net example.org", "would make the domain example.org in vpopmail", "nothing was changed")
	u := s.invited("vodmr-front mail.example.net Example.ORG", "/root/one")
	if u.Host != "mail.example.net:366" || u.User.Username() != "odmr@example.org" || u.Query().Get("domain") != "example.org" {
		t.Errorf("invitation %s", u.Redacted())
	}
	s.same(0, "vodmr-front mail.example.net example.org", "nothing to change")
	s.fetches("/root/one", "ann@example.org", "postmaster@example.org", "odmr@example.org")
	if got := s.must("cut -d: -f1,3-7 /home/vpopmail/domains/example.org/vpasswd"); got != "odmr:1:0:vodmr-front:/home/vpopmail/domains/example.org/odmr:NOQUOTA" {
		t.Errorf("vpasswd has %s", got)
	}
	if got := s.must("cd /etc/vodmr && ls && ls env && grep -o 'vodmr-tls.*' run"); strings.Contains(got, "control") || strings.Contains(got, "VODMR_MTA") ||
		!strings.HasSuffix(got, "-u vodmrtls \\") {
		t.Errorf("service directory: %s", got)
	}
	s.want(0, "vodmr-front mail.example.net example.org example.com", "odmr@example.org holds example.org,example.com", "\natrn://odmr%40example.org@mail.example.net")
	s.fetches("/root/one", "x@example.com", "postmaster@example.com")
	s.invited("vodmr-front -r odmr@example.org", "/root/two")
	s.want(77, "atrn -f /root/one -w 1 -m /root/Maildir", "refused the login")
	s.fetches("/root/two", "x@example.org")
	s.secret()
	if out := s.must("vodmr-front -l"); !strings.Contains(out, "customer odmr@example.org domains example.org,example.com mailbox /home/vpopmail/domains/example.org/odmr/Maildir") ||
		strings.Contains(out, s.secrets[1]) {
		t.Errorf("-l: %s", out)
	}

	s.same(0, "vodmr-front -n -d example.org", "would let mail for example.org bounce")
	s.want(0, "vodmr-front -d example.org", "stays in vpopmail, since odmr@example.org is a mailbox of it",
		"gets no mail", "\natrn://odmr%40example.org@mail.example.net:366/?domain=example.com&pin=")
	if out, code := s.run("echo hello | sendmail -f joe@mail.example.net gone@example.org"); code != 100 {
		t.Errorf("mail for a domain that was removed: exit %d, %s", code, out)
	}
	s.must("echo hello | sendmail -f joe@mail.example.net waits@example.com")
	s.want(0, "vodmr-front -d example.com", "remove example.com from vpopmail", "remove example.org from vpopmail", "no customer is left")
	if left := s.must("find /var/lib/vodmr -path '*/new/*' | wc -l"); left != "1" {
		t.Errorf("%s messages are left", left)
	}
	if diff := changed(before, s.site()); diff != "" {
		t.Errorf("not as before:\n%s", diff)
	}
}

// A domain that was there before keeps its mailboxes, and gets its old catch-all back.
func TestFrontOfAVpopmailDomain(t *testing.T) {
	s := newQmailSetUp(t)
	s.must("cd / && for domain in theirs.example taken.example; do /home/vpopmail/bin/vadddomain -r $domain >/dev/null; done; " +
		"sed -i 's|delete$|/home/vpopmail/domains/taken.example/postmaster|' /home/vpopmail/domains/taken.example/.qmail-default; " +
		`sed -i 's/^+taken.example-\(.*\)/+alias.example-\1\n&/' /var/qmail/users/assign; ` +
		"echo local.example >/var/qmail/control/locals; chown -R vpopmail:vchkpw /home/vpopmail/domains; cd /stage")
	before := s.site()
	for command, text := range map[string]string{
		"vodmr-front mail.example.net taken.example":                               "has a catch-all already",
		"vodmr-front mail.example.net alias.example":                               "is an alias of taken.example",
		"vodmr-front mail.example.net local.example":                               "in another way already",
		"vodmr-front -u postmaster@theirs.example mail.example.net theirs.example": "is not one of vodmr-front",
	} {
		s.want(111, command, text)
	}
	s.want(111, "mv /home/vpopmail/bin /home/vpopmail/b; vodmr-front mail.example.net a.example", "qmail is here without vpopmail")
	s.want(100, "mv /home/vpopmail/b /home/vpopmail/bin; vodmr-front -u box@other.example mail.example.net theirs.example", "is none of these domains")
	if diff := changed(before, s.site()); diff != "" {
		t.Errorf("a refusal changed something:\n%s", diff)
	}

	u := s.invited("vodmr-front -u Box mail.example.net theirs.example", "/root/one")
	if u.User.Username() != "box@theirs.example" {
		t.Errorf("invitation %s", u.Redacted())
	}
	s.must("echo hello | sendmail postmaster@theirs.example && mv /home/vpopmail/domains/theirs.example/postmaster/Maildir/new/* /root/")
	s.fetches("/root/one", "x@theirs.example")
	s.secret()
	s.want(0, "vodmr-front -d theirs.example", "put back the old catch-all of theirs.example, which stays in vpopmail", "no customer is left")
	if diff := changed(before, s.site()); diff != "" {
		t.Errorf("not as before:\n%s", diff)
	}
}

// A domain's folder is its user's, who could lead root astray by a link there.
func TestFrontFollowsNoLinkOfADomainsUser(t *testing.T) {
	s := newQmailSetUp(t)
	s.must("cd / && /home/vpopmail/bin/vadddomain -r theirs.example >/dev/null && : >/root/victim && chmod 600 /root/victim && " +
		"for name in vpasswd.new .qmail-default.new; do ln -s /root/victim /home/vpopmail/domains/theirs.example/$name; done && cd /stage")
	s.invited("vodmr-front mail.example.net theirs.example", "/root/one")
	if got := s.must("cat /root/victim"); got != "" {
		t.Errorf("root's file was written to: %s", got)
	}
	s.must("rm /home/vpopmail/domains/theirs.example/vpasswd && ln -s /root/victim /home/vpopmail/domains/theirs.example/vpasswd && " +
		"echo 'odmr:x:1:0:vodmr-front:/root:NOQUOTA:x' >/root/victim")
	if out := s.must("vodmr-front -l"); strings.Contains(out, "/root") {
		t.Errorf("root's file was read: %s", out)
	}
}
