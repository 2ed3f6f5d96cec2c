package install

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/require"
)

// A tale is what the admins of a front and its customers type, with the time of each
// command. At its end no secret has been seen by anybody else.
type tale struct {
	t                     *testing.T
	base, stage           string
	front, home, cellar   *box // the cellar has no systemd
	began                 time.Time
	printed               strings.Builder
	secrets               []string
	watch                 *processWatch
	accounts, postfix, at map[string]string // as they were before our commands, by box
}

const (
	frontAddress  = "192.0.2.1"
	homeAddress   = "192.0.2.2"
	cellarGateway = "198.51.100.1"
	cellarAddress = "198.51.100.2"
)

// newTale rents three machines. They know each other's names. Tests that have such machines
// run beside each other.
func newTale(t *testing.T) *tale {
	t.Helper()
	t.Parallel()
	require.UserNamespace(t, "atrn@.service has PrivateUsers")
	s := &tale{t: t, base: bare(t), stage: newStage(t, debian(t))}
	s.accounts, s.postfix, s.at = map[string]string{}, map[string]string{}, map[string]string{}
	s.front, s.home = newBox(t, s.base, s.stage, "front"), newBox(t, s.base, s.stage, "home")
	s.cellar = newBareBox(t, s.base, s.stage, "cellar")
	connect(t, s.front, frontAddress+"/24", s.home, homeAddress+"/24")
	connect(t, s.front, cellarGateway+"/24", s.cellar, cellarAddress+"/24")
	s.cellar.must("ip route add " + frontAddress + " via " + cellarGateway)
	for _, b := range []*box{s.front, s.home, s.cellar} {
		b.must("printf '127.0.0.1 localhost\n" + frontAddress + " mail.example.net\n" + homeAddress + " example.org\n" +
			cellarAddress + " cellar.example\n' >/etc/hosts && useradd -m someone")
	}
	for b, host := range map[*box]string{s.front: "mail.example.net", s.home: "example.org", s.cellar: "cellar.example"} {
		b.must("echo " + host + " | tee /etc/hostname >/proc/sys/kernel/hostname")
	}
	s.watch = watchProcesses(t)
	s.began = time.Now()
	return s
}

// do runs a command that must succeed, and prints it as the admin would see it.
func (s *tale) do(b *box, command string) string {
	s.t.Helper()
	begin := time.Now()
	out, code := b.run(command)
	fmt.Fprintf(&s.printed, "%6.2f s  %s# %s\n", begin.Sub(s.began).Seconds(), b.name, command)
	if !strings.HasPrefix(command, "apt-get ") {
		fmt.Fprintf(&s.printed, "%s\n", out)
	}
	fmt.Fprintf(&s.printed, "%10s took %.2f s\n", "", time.Since(begin).Seconds())
	if code != 0 {
		s.t.Fatalf("%s: exit %d: %s\n%s\n%s", b.name, code, command, out, b.logs())
	}
	return out
}

// tell prints what the admins saw. Secrets are left out.
func (s *tale) tell() {
	text := s.printed.String()
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "SECRET")
	}
	s.t.Log("\n" + text)
}

// logs returns what may explain a failure.
func (b *box) logs() string {
	out, _ := b.run("journalctl --no-pager -n 40; systemctl --no-pager status vodmr 'atrn@*'; tail -n 20 /var/log/mail.log /var/log/vodmr.log /var/log/atrn-*.log /etc/*/log/main/current")
	return out
}

var invitationLine = regexp.MustCompile(`(?m)^atrn://\S+$`)

// install installs a package with Postfix, and remembers what the machine was like.
func (s *tale) install(b *box, name string) {
	s.t.Helper()
	s.do(b, "apt-get install -q -y /stage/bin/"+name+"_*.deb postfix")
	s.at[b.name], s.accounts[b.name], s.postfix[b.name] = b.etc(), b.must("getent passwd; getent group"), b.must("postconf -n; postconf -M; postconf -P")
}

// etc is each file in /etc, with its contents, apart from backups of the accounts.
func (b *box) etc() string {
	return b.must("cd /etc && find . -type f ! -name '*-' ! -name ld.so.cache ! -name passwd ! -name group ! -name shadow ! -name gshadow " +
		"! -name 'sub?id' ! -path './postfix/*' | sort | xargs sha256sum; find . -type l -printf '%p %l\n' | sort")
}

// invite makes a front for a login's domains, and returns the invitation.
func (s *tale) invite(arguments string) string {
	s.t.Helper()
	out := s.do(s.front, "vodmr-front "+arguments)
	invitation := invitationLine.FindString(out)
	if invitation == "" {
		s.t.Fatalf("no invitation in %s", out)
	}
	if _, secret, ok := strings.Cut(strings.Split(strings.TrimPrefix(invitation, "atrn://"), "@")[0], ":"); ok {
		s.secrets = append(s.secrets, secret)
		s.watch.add(secret)
	}
	return invitation
}

// accept sets a customer up by an invitation, which no list of processes shows.
func (s *tale) accept(b *box, invitation string) {
	s.t.Helper()
	b.must("umask 077; cat >/root/invitation <<'end'\n" + invitation + "\nend")
	s.do(b, "atrn-conf -P - </root/invitation")
	b.must("rm /root/invitation")
}

// delivered waits until a message is in somebody's mailbox, and returns when it was.
func (s *tale) delivered(b *box, subject string) time.Time {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		text, _ := os.ReadFile(b.path("/var/mail/someone"))
		if strings.Contains(string(text), "Subject: "+subject+"\n") {
			return time.Now()
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s is not on %s: %s%s%s", subject, b.name, text, s.front.logs(), s.home.logs())
		}
	}
}

// arrives sends a message to the front, which a standing session brings to the customer.
func (s *tale) arrives(b *box, to, subject string) {
	s.t.Helper()
	accepted := s.front.mail(frontAddress, "someone@mail.example.net", to, subject)
	took := s.delivered(b, subject).Sub(accepted)
	fmt.Fprintf(&s.printed, "%6.2f s  a message to %s: in the mailbox on %s %.0f ms after the front's 250\n",
		accepted.Sub(s.began).Seconds(), to, b.name, float64(took.Microseconds())/1000)
}

// refused sends to a user whom the customer does not have: the front says so while its
// sender is connected.
func (s *tale) refused(to string) {
	s.t.Helper()
	reply := s.front.rcpt(frontAddress, to)
	fmt.Fprintf(&s.printed, "          a message to %s, which is no user: %s", to, reply)
	if !strings.HasPrefix(reply, "550 5.1.1 ") {
		s.t.Errorf("the front says %q to an unknown user, want 550 5.1.1: %s%s", reply, s.front.logs(), s.home.logs())
	}
}

// state is all that a second run could change.
func (b *box) state() string {
	return b.etc() + b.must("getent passwd; postconf -n; postconf -M; postconf -P; "+
		"for pid in /proc/[0-9]*; do case $(cat $pid/comm 2>/dev/null) in atrn | tcpserver) ls -d $pid;; esac; done")
}

// twice repeats a command, which must change nothing.
func (s *tale) twice(b *box, command string) {
	s.t.Helper()
	before := b.state()
	if out := s.do(b, command); !strings.Contains(out, "nothing to change") {
		s.t.Errorf("%s a second time: %s", command, out)
	}
	if after := b.state(); after != before {
		s.t.Errorf("%s a second time: -before, +after:\n%s", command, cmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n")))
	}
}

// logins counts the sessions that the front has let in.
func (s *tale) logins() string {
	return s.front.must("journalctl -u vodmr -o cat --no-pager | grep -c ' atrn ' || :")
}

// Two commands at each end, from bare machines to the first message, and what can come
// then: a second domain, a second customer, refused mail, the end of it all.
func TestTwoCommandsAtEachEnd(t *testing.T) {
	s := newTale(t)
	defer s.tell()
	defer func() {
		if t.Failed() {
			said, _ := s.front.run("journalctl --no-pager -u vodmr -n 40")
			t.Logf("the front:\n%s", said)
		}
	}()
	s.install(s.front, "vodmr")
	invitation := s.invite("mail.example.net example.org")
	s.install(s.home, "atrn")
	s.accept(s.home, invitation)
	// The first was atrn-conf's own.
	eventually(t, "the service's session", func() bool { return s.logins() == "2" })
	before := s.logins()
	s.arrives(s.home, "someone@example.org", "first")
	s.refused("stranger@example.org")
	s.bounced("stranger@example.org")
	if after := s.logins(); after != before {
		t.Errorf("not by the session that stood: %s logins before, %s after", before, after)
	}
	s.twice(s.front, "vodmr-front mail.example.net example.org")
	s.twice(s.home, "atrn-conf -P mail.example.net")

	s.accept(s.home, s.invite("-u odmr@example.org mail.example.net example.com"))
	s.arrives(s.home, "someone@example.com", "second domain")
	s.mistyped(s.home)
	s.install(s.cellar, "atrn")
	s.accept(s.cellar, s.invite("mail.example.net cellar.example"))
	s.arrives(s.cellar, "someone@cellar.example", "second customer")
	s.arrives(s.home, "someone@example.org", "still there")
	s.noSecretIsSeen()
	s.takenDown()
}

// mistyped gives a customer that is set up an invitation with a wrong secret. The one that works
// stays, and the service goes on with it.
func (s *tale) mistyped(b *box) {
	s.t.Helper()
	before := b.state()
	out, code := b.run("sed 's/:[^:@]*@/:mistyped@/' /etc/atrn/mail.example.net.invitation | atrn-conf -P -")
	for _, text := range []string{"refused the login", "the invitation that was here before is back"} {
		if code != 111 || !strings.Contains(out, text) {
			s.t.Errorf("a wrong secret: exit %d, no %q in %s", code, text, out)
		}
	}
	if diff := changed(before, b.state()); diff != "" {
		s.t.Errorf("a wrong secret changed something: %s", diff)
	}
}

// noSecretIsSeen looks into logs, files that others can read, and all command lines since
// the beginning.
func (s *tale) noSecretIsSeen() {
	s.t.Helper()
	if len(s.secrets) != 2 {
		s.t.Fatalf("%d secrets were made", len(s.secrets))
	}
	for _, seen := range s.watch.stop() {
		s.t.Errorf("a secret in the arguments of a process: %s", seen)
	}
	for _, b := range []*box{s.front, s.home, s.cellar} {
		for _, secret := range s.secrets {
			found, _ := b.run("{ journalctl --no-pager -o export; cat /var/log/mail* /var/log/vodmr* /var/log/atrn*; } 2>/dev/null | grep -a -c '" + secret + "'")
			if found != "0" {
				s.t.Errorf("%s: a secret in %s lines of the log", b.name, found)
			}
			files, _ := b.run("grep -rlIs -e '" + secret + "' /etc /var /root /home /tmp /usr/bin /run --exclude-dir=credentials | xargs -r stat -c '%n %A %U'")
			for line := range strings.Lines(files) {
				if !strings.Contains(line, " -rw------- root") || !strings.HasPrefix(line, "/etc/atrn/") {
					s.t.Errorf("%s: a secret in %s", b.name, line)
				}
			}
		}
	}
}

// bounced sends a message past the door, by the front's own sendmail, which asks nobody.
// The customer's server refuses it, and the sender is told.
func (s *tale) bounced(to string) {
	s.t.Helper()
	s.front.must("printf 'Subject: past the door\\n\\nHello.\\n' | sendmail -f someone@mail.example.net " + to)
	s.delivered(s.front, "failure notice")
}

// expires has a message wait too long, so that the daily service bounces it.
func (s *tale) expires() {
	s.t.Helper()
	s.front.mail(frontAddress, "someone@mail.example.net", "someone@example.org", "too old")
	s.front.must("echo 1 >/etc/vodmr/control/queuelifetime; rm -f /var/mail/someone")
	eventually(s.t, "the age of a message", func() bool {
		return s.front.must("find /var/lib/vodmr -path '*/new/*' ! -newermt '-3 seconds'") != ""
	})
	s.front.must("systemctl start vodmr-expire.service")
	s.delivered(s.front, "failure notice")
	s.front.must("rm /etc/vodmr/control/queuelifetime")
}

// takenDown removes all, and finds no trace but the mail.
func (s *tale) takenDown() {
	s.t.Helper()
	s.do(s.home, "atrn-conf -d mail.example.net")
	s.do(s.home, "apt-get purge -q -y atrn")
	s.cleaned(s.home, "")
	s.do(s.cellar, "apt-get purge -q -y atrn")
	s.cleaned(s.cellar, "")
	s.expires()
	s.front.mail(frontAddress, "someone@mail.example.net", "someone@example.org", "waits")
	eventually(s.t, "the mail that waits", func() bool { return s.front.must("find /var/lib/vodmr -path '*/new/*'") != "" })
	s.do(s.front, "vodmr-front -d example.org example.com cellar.example")
	s.do(s.front, "apt-get purge -q -y vodmr")
	if left := s.front.must("find /var/lib/vodmr -path '*/new/*' | wc -l"); left != "1" {
		s.t.Errorf("%s messages are left", left)
	}
	s.cleaned(s.front, "vodmrmail")
}

// cleaned compares a machine with the time before our commands.
func (s *tale) cleaned(b *box, account string) {
	s.t.Helper()
	accounts := b.must("getent passwd; getent group")
	if account != "" {
		accounts = b.must("{ getent passwd; getent group; } | grep -v '^" + account + ":'")
	}
	for what, pair := range map[string][2]string{
		"accounts":           {s.accounts[b.name], accounts},
		"Postfix's settings": {s.postfix[b.name], b.must("postconf -n; postconf -M; postconf -P")},
		"/etc":               {s.at[b.name], b.etc()},
	} {
		if pair[0] != pair[1] {
			s.t.Errorf("%s: %s: -before, +after:\n%s", b.name, what, cmp.Diff(strings.Split(pair[0], "\n"), strings.Split(pair[1], "\n")))
		}
	}
	traces := b.must("find / -xdev ! -path '/proc/*' ! -path '/stage*' ! -path '/var/lib/vodmr*' ! -path '/sys/*' \\( -name '*vodmr*' -o -name '*atrn*' \\)")
	running := b.must("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o -E '[v]odmr|[a]trn' | sort -u")
	if traces+running != "" {
		s.t.Errorf("%s: traces: %s %s", b.name, traces, running)
	}
}

// A processWatch looks at the arguments of all processes.
type processWatch struct {
	mutex   sync.Mutex
	secrets []string
	seen    []string
	end     chan struct{}
	ended   sync.WaitGroup
}

func watchProcesses(t *testing.T) *processWatch {
	w := &processWatch{end: make(chan struct{})}
	w.ended.Add(1)
	go func() {
		defer w.ended.Done()
		for {
			select {
			case <-w.end:
				return
			case <-time.After(5 * time.Millisecond):
				w.look()
			}
		}
	}()
	t.Cleanup(func() { w.stop() })
	return w
}

// add has it look for a secret too.
func (w *processWatch) add(secret string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.secrets = append(w.secrets, secret)
}

func (w *processWatch) look() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		line, _ := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		for _, secret := range w.secrets {
			if strings.Contains(string(line), secret) {
				w.seen = append(w.seen, strings.ReplaceAll(string(line), "\x00", " "))
			}
		}
	}
}

// stop returns what was seen.
func (w *processWatch) stop() []string {
	w.mutex.Lock()
	select {
	case <-w.end:
	default:
		close(w.end)
	}
	w.mutex.Unlock()
	w.ended.Wait()
	return w.seen
}
