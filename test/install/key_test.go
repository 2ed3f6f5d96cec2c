package install

import (
	"regexp"
	"strings"
	"testing"
)

var takeCommand = regexp.MustCompile(`(?m)^ *(vodmr-front -k sha256:\S+ \S+)$`)

// take is a customer's mail server, so that both ends can be on one machine. It writes to
// /srv/box, or to another file with a name that ends in BOX.
const take = `#!/bin/sh
say() { printf '%s\r\n' "$1"; }
say '220 here'
while read -r line; do
	case $line in
	DATA*)
		say '354 go'
		while read -r line; do case $line in .?) break ;; *) printf '%s\n' "$line" >>/srv/box$BOX ;; esac; done
		say '250 taken'
		;;
	QUIT*)
		say '221 bye'
		exit
		;;
	*) say '250 ok' ;;
	esac
done
`

// A customer who logs in by a key: no secret leaves the machine that it was made on, and
// each end prints the next command of the other. Both ends are this machine.
func TestCustomersKey(t *testing.T) {
	s := newSetUp(t)
	s.must("postconf -e inet_interfaces=all inet_protocols=ipv4 myhostname=mail.example.net mydestination=localhost && sed -i 's/^127.*/& mail.example.net/' /etc/hosts")
	s.must("cat >/usr/local/bin/take <<'end'\n" + take + "end\nchmod 755 /usr/local/bin/take; : >/srv/box; chmod 666 /srv/box")
	before := s.state()
	s.unchanged(0, "vodmr-front -n -x mail.example.net example.org", "would make the login odmr@example.org")
	for _, wrong := range []string{"-x -k sha256:" + strings.Repeat("0", 64) + " m.example d.example", "-k sha256:0 odmr@d.example", "-k , d", "-k x d", "-x -l", "-x -d d.example"} {
		s.unchanged(100, "vodmr-front "+wrong)
	}
	out := s.want(0, "vodmr-front -x mail.example.net example.org", "It holds no secret", "vodmr-front -k sha256:... odmr@example.org")
	invitation := invitationLine.FindString(out)
	if !strings.HasPrefix(invitation, "atrn://odmr%40example.org@mail.example.net:366/?domain=example.org&pin=sha256:") || !strings.HasSuffix(invitation, "&external") {
		t.Errorf("invitation %s", invitation)
	}
	s.unchanged(0, "vodmr-front -x mail.example.net example.org", "nothing to change", invitation)
	s.unchanged(0, "vodmr-front mail.example.net example.org", "nothing to change", invitation)
	s.unchanged(0, "vodmr-front -l", "key none yet")

	s.must("mkdir -m 700 /etc/atrn && echo 'ATRN_OPTIONS=/usr/local/bin/take' >/etc/atrn/mail.example.net.env")
	s.unchanged(0, "atrn-conf -n '"+invitation+"'", "would write the invitation")
	out = s.want(0, "atrn-conf '"+invitation+"'", "when the provider has run it, run here  atrn-conf mail.example.net")
	command := takeCommand.FindStringSubmatch(out)
	if command == nil || !strings.HasSuffix(command[1], " odmr@example.org") {
		t.Fatalf("no command for the provider in %s", out)
	}
	s.secrets = append(s.secrets, s.must("sed -n '/BEGIN PRIVATE/{n;p}' /etc/atrn/mail.example.net.invitation"))
	if len(s.secrets[0]) < 60 {
		t.Fatalf("no key in the invitation's file: %q", s.secrets)
	}
	s.want(111, "atrn-conf mail.example.net", "does not know the key", command[1], "the service is not started yet")

	s.must("sed -i 's/ -a any//' /etc/vodmr/run") // as an earlier version made it
	s.want(0, command[1], "have vodmr-tls ask customers for a certificate", "the next command is  atrn-conf mail.example.net")
	s.unchanged(0, command[1], "nothing to change")
	s.must("grep -q 'vodmr-tls -a any -s' /etc/vodmr/run")
	s.want(0, "vodmr-front -l", " key "+strings.Fields(command[1])[2])
	s.want(0, "atrn-conf mail.example.net", "fetched 0 messages", "start /etc/atrn/mail.example.net/run")
	s.unchanged(0, "atrn-conf '"+invitation+"'", "nothing to change")
	s.must("echo hello | sendmail -f joe@mail.example.net ann@example.org")
	eventually(t, "the message", func() bool { return strings.Contains(s.must("cat /srv/box"), "hello") })
	s.must("grep -q 'login user=odmr@example.org mechanism=EXTERNAL ' /var/log/vodmr.log")
	s.secret()

	s.want(0, "atrn-conf -d mail.example.net", "remove the service and the invitation")
	s.invited("vodmr-front -r odmr@example.org", "/root/one")
	s.fetches("/root/one", "ann@example.org")
	s.secret()
	s.takesKeysAtOnce(strings.Fields(command[1])[2])
	s.want(0, "vodmr-front -d example.org second.example", "no customer is left")
	if diff := changed(before, s.state()); diff != "" {
		t.Errorf("not as before:\n%s", diff)
	}
}

// takesKeysAtOnce makes a customer whose keys are known from the beginning: two of them, for a
// change, and then one.
func (s *setUp) takesKeysAtOnce(old string) {
	s.t.Helper()
	hash := s.must("atrn -K /root/key 2>/dev/null")
	both := "vodmr-front -k " + old + "," + hash + " mail.example.net second.example"
	s.want(0, both, "let odmr@second.example in by "+old+","+hash+", and by no password", "&external")
	s.unchanged(0, both, "nothing to change")
	fetch := "atrn -K /root/key -u odmr@second.example -F $(vodmr-front -l | sed -n 's/^pin //p') -w 1 -m /root/second mail.example.net"
	s.want(0, fetch, "fetched")
	s.want(0, "vodmr-front -k "+old+" odmr@second.example", "let odmr@second.example in by "+old+", and")
	s.want(77, fetch, "does not know the key "+hash)
	s.must("rm -r /root/key /root/second")
}
