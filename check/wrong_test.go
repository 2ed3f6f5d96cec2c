package check

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/confine"
	"vodmr/internal/sys"
	"vodmr/relay/spool/history"
	"vodmr/test/kit/require"
)

// A setup is something that makes a good site another one, and the lines that
// say so.
type setup struct {
	name string
	make func(s *testSite)
	want []string
}

const (
	box  = "ROOT/domains/example.org/odmr/Maildir"
	home = "ROOT/domains/example.org/odmr"

	// lines that appear if the programs run as a user that owns nothing
	weak   = "wrong ROOT/bin/vchkpw: cannot read the passwords with the rights that it has"
	others = "wrong " + box + ": belongs to somebody else than vodmr-relay runs as"
	lost   = forRoot + "wrong odmr@example.org: cannot be looked up: ATRN gets 451"

	clearText = "doubtful logins: takes logins without TLS, though others can listen to them and to the mail behind them"

	// forRoot begins a line that only root says: others cannot look with a user's rights.
	forRoot = "root: "
)

// asNobody has the programs run as a user that owns nothing.
func (s *testSite) asNobody() {
	nobody := ids{true, 65533, 65533}
	s.system.user = func(string) (ids, string, error) { return nobody, "/", nil }
	if err := may(nobody, s.root, mayRun); err != nil {
		require.Skip(s.t, "TMPDIR is closed to others: %v", err)
	}
}

func qmailSetups() []setup {
	far := sys.Disk{Network: "NFS", Size: 1 << 40, Free: 1 << 39}
	return []setup{
		{"no qmail", func(s *testSite) {
			s.run("-q $ROOT/qmail", "-q /nonexistent")
		}, []string{"doubtful /nonexistent: no qmail is here", "wrong odmr@example.org: has no mailbox that can be found"}},
		{"me is missing", func(s *testSite) {
			s.must(os.Remove(s.path("qmail/control/me")))
		}, []string{"wrong control/me: says no host name"}},
		{"me is private", func(s *testSite) {
			s.must(os.Chmod(s.path("qmail/control/me"), 0o000))
		}, []string{"wrong control/me: cannot be read by those who must"}},
		{"me is a FIFO", func(s *testSite) {
			s.must(os.Remove(s.path("qmail/control/me")))
			s.fifo("qmail/control/me")
		}, []string{"wrong control/me: cannot be read by those who must"}},
		{"helohost with a blank", func(s *testSite) {
			s.write("qmail/control/helohost", "mail provider\n", 0o644)
		}, []string{"wrong control/helohost: is no host name"}},
		{"bouncehost without a domain", func(s *testSite) {
			s.write("qmail/control/bouncehost", "mail\n", 0o644)
		}, []string{"doubtful control/bouncehost: is a name without a domain"}},
		{"bouncefrom with a host", func(s *testSite) {
			s.write("qmail/control/bouncefrom", "bounces@example.net\n", 0o644)
		}, []string{"wrong control/bouncefrom: is no local part of an address"}},
		{"timeoutremote in words", func(s *testSite) {
			s.write("qmail/control/timeoutremote", "5 minutes\n", 0o644)
			s.write("qmail/control/queuelifetime", "a week\n", 0o644)
		}, []string{"doubtful control/queuelifetime: does not begin with a number"}},
		{"mail lives an hour", func(s *testSite) {
			s.write("qmail/control/queuelifetime", "3600\n", 0o644)
		}, []string{"doubtful control/queuelifetime: is less than a day"}},
		{"no qmail-queue", func(s *testSite) {
			s.must(os.Remove(s.path("qmail/bin/qmail-queue")))
		}, []string{"wrong bin/qmail-queue: is not there"}},
		{"qmail-queue cannot be run", func(s *testSite) {
			s.must(os.Chmod(s.path("qmail/bin/qmail-queue"), 0o644))
		}, []string{"wrong bin/qmail-queue: cannot be run"}},
		{"qmail-queue lost its bits", func(s *testSite) {
			s.must(os.Chmod(s.path("qmail/bin/qmail-queue"), 0o755))
		}, []string{"wrong bin/qmail-queue: is not setuid to the owner of the queue"}},
		{"QMAILQUEUE names nothing", func(s *testSite) {
			s.write("service/env/QMAILQUEUE", "/nonexistent/simscan\n", 0o644)
		}, []string{"wrong /nonexistent/simscan: is not there"}},
		{"no users/cdb", func(s *testSite) {
			s.must(os.Remove(s.path("qmail/users/cdb")))
		}, []string{"wrong users/cdb: is missing beside users/assign", "wrong odmr@example.org: has no mailbox that can be found"}},
		{"users/cdb is private", func(s *testSite) {
			s.asNobody()
			s.must(os.Chmod(s.path("qmail/users/cdb"), 0o600))
		}, []string{weak, "wrong users/cdb: cannot be read by those who must", lost, others}},
		{"users/cdb is old", func(s *testSite) {
			then := time.Now().Add(-time.Hour)
			s.must(os.Chtimes(s.path("qmail/users/cdb"), then, then))
		}, []string{"wrong users/cdb: is older than users/assign"}},
		{"users/cdb is empty", func(s *testSite) {
			s.write("qmail/users/cdb", "", 0o644)
		}, []string{"wrong users/cdb: is damaged"}},
		{"the disk is full", func(s *testSite) {
			s.system.disk = func(string) (sys.Disk, error) { return sys.Disk{Size: 1 << 40, Free: 1 << 10}, nil }
		}, []string{"wrong ROOT/qmail/queue: its disk is full", "wrong " + box + ": its disk is full"}},
		{"the disk is nearly full", func(s *testSite) {
			s.system.disk = onlyFor("queue", sys.Disk{Size: 1 << 40, Free: 1 << 30})
		}, []string{"doubtful ROOT/qmail/queue: its disk is nearly full"}},
		{"no inodes", func(s *testSite) {
			s.system.disk = onlyFor("Maildir", sys.Disk{Size: 1 << 40, Free: 1 << 39, Files: 100000, Unused: 10})
		}, []string{"wrong " + box + ": its disk has no room for more files"}},
		{"the queue on NFS", func(s *testSite) {
			s.system.disk = onlyFor("queue", far)
		}, []string{"doubtful ROOT/qmail/queue: lies on a network file system"}},
		{"NFS without locks", func(s *testSite) {
			s.system.disk = onlyFor("Maildir", far)
			s.system.lock = func(string) error { return fmt.Errorf("ENOLCK") }
		}, []string{"wrong " + box + ": cannot be locked over the network"}},
		{"NFS on a BSD", func(s *testSite) {
			unseen := far
			unseen.Unseen = true
			s.system.disk = onlyFor("Maildir", unseen)
		}, []string{"doubtful " + box + ": is not looked at for what other hosts do"}},
		{"NFS, and a look every hour", func(s *testSite) {
			s.system.disk = onlyFor("Maildir", far)
			s.made("rules", login+`:allow,VODMR_LOOK="3600"`+"\n:deny\n")
		}, []string{"doubtful " + box + ": is seldom looked at for what other hosts do"}},
	}
}

// onlyFor is a disk for paths with that end, and a good one for the rest.
func onlyFor(end string, d sys.Disk) func(string) (sys.Disk, error) {
	return func(path string) (sys.Disk, error) {
		if strings.HasSuffix(path, end) {
			return d, nil
		}
		return sys.Disk{Size: 1 << 40, Free: 1 << 39}, nil
	}
}

func serviceSetups() []setup {
	return []setup{
		{"no service", func(s *testSite) {
			s.config.Dir = ""
			s.config.Qmail = s.path("qmail")
		}, []string{"doubtful service: no service directory was found"}},
		{"no run script", func(s *testSite) {
			s.must(os.Remove(s.path("service/run")))
			s.config.Qmail = s.path("qmail")
		}, []string{"wrong ROOT/service/run: is not there"}},
		{"run cannot be run", func(s *testSite) {
			s.must(os.Chmod(s.path("service/run"), 0o644))
		}, []string{"wrong ROOT/service/run: cannot be run"}},
		{"log/run cannot be run", func(s *testSite) {
			s.must(os.Chmod(s.path("service/log/run"), 0o644))
		}, []string{"wrong ROOT/service/log/run: cannot be run"}},
		{"no vodmr-relay", func(s *testSite) {
			s.run("$ROOT/bin/vodmr-relay", "qmail-pop3d")
			s.config.Qmail = s.path("qmail")
		}, []string{"wrong ROOT/service/run: does not run the whole chain of programs"}},
		{"softlimit", func(s *testSite) {
			s.run("exec tcpserver", "exec softlimit -m 30000000 tcpserver")
		}, []string{"wrong ROOT/service/run: sets a limit that no Go program can live in"}},
		{"softlimit for the data", func(s *testSite) {
			s.run("exec envdir", "exec softlimit -o100 -d30000000 envdir")
		}, []string{"wrong ROOT/service/run: sets a limit that no Go program can live in"}},
		{"ulimit", func(s *testSite) {
			s.run("exec 2>&1\n", "exec 2>&1\nulimit -v 200000\n")
		}, []string{"wrong ROOT/service/run: sets a limit that no Go program can live in"}},
		{"an account that is not there", func(s *testSite) {
			s.run("-s -c cert.pem", "-s -c cert.pem -u vodmrtls")
			s.must(os.RemoveAll(s.path("empty")))
		}, []string{"wrong ROOT/service/run: names an account that does not exist"}},
		{"HOST is no name", func(s *testSite) {
			s.run("HOST", "the_front/1")
			s.greeting = "220 the_front/1 on-demand mail relay"
			s.write("service/cert.pem", s.cert.issue("the_front/1", time.Now().Add(90*24*time.Hour)), 0o600)
		}, []string{"wrong ROOT/service/run: is no host name"}},
		{"no tcp.cdb", func(s *testSite) {
			s.must(os.Remove(s.path("service/tcp.cdb")))
		}, []string{"wrong ROOT/service/tcp.cdb: is not there, so tcpserver drops every connection"}},
		{"tcp.cdb is old", func(s *testSite) {
			s.write("service/tcp", ":deny\n", 0o644)
			then := time.Now().Add(-time.Minute)
			s.must(os.Chtimes(s.path("service/tcp.cdb"), then, then))
		}, []string{"wrong ROOT/service/tcp.cdb: is older than its source"}},
		{"tcp.cdb is private", func(s *testSite) {
			s.asNobody()
			s.run("-vRHl0", "-vRHl0 -u65533 -g65533", "-U vpopmail ", "")
			s.must(os.Chmod(s.path("service/tcp.cdb"), 0o600))
			s.must(os.Chmod(s.path("service/cert.pem"), 0o644)) // says another line
		}, []string{
			"doubtful ROOT/service/run: runs vodmr as the user that the checkpassword program has, and so the process that strangers speak to",
			"wrong ROOT/service/tcp.cdb: cannot be read by those who must",
			weak, "wrong ROOT/service/cert.pem: shows the key to other users", lost, others,
		}},
		{"vchkpw's port", func(s *testSite) {
			s.run("-U vpopmail HOST", "-U vpopmail -p 366 HOST")
		}, []string{"wrong ROOT/service/run: tells vchkpw a port where it refuses CRAM-MD5"}},
		{"no rights for vodmr-tls", func(s *testSite) {
			s.run("-vRHl0", `-vRHl0 -u"$(id -u vpopmail)" -g"$(id -g vpopmail)"`, "-s", "-s -u vpopmail")
			s.owned("service/cert.pem", s.cert.issue(host, time.Now().Add(90*24*time.Hour)), 0o600)
			s.emptyRoots()
		}, []string{"wrong ROOT/service/run: takes root's rights away before vodmr-tls needs them"}},
		{"vodmr is started as the owner", func(s *testSite) {
			s.run("-s -c cert.pem", "-s -c cert.pem -U vpopmail", "-U vpopmail HOST", "HOST")
			s.ownerIsNotRoot()
		}, []string{"doubtful ROOT/service/run: runs vodmr as the user that the checkpassword program has, and so the process that strangers speak to"}},
		{"no rights for vodmr", func(s *testSite) {
			s.run("-s -c cert.pem", "-s -c cert.pem -U vpopmail")
			s.ownerIsNotRoot()
		}, []string{"wrong ROOT/service/run: takes root's rights away before vodmr needs them"}},
		{"one account for two", func(s *testSite) {
			s.run("-s -c cert.pem", "-s -c cert.pem -u vpopmail", "-U vpopmail", "-u vpopmail -U vpopmail")
			s.emptyRoots()
		}, []string{"doubtful ROOT/service/run: has one account for the process with the key and the one that strangers speak to"}},
		{"a kernel without Landlock", func(s *testSite) {
			s.system.landlock = func() confine.Landlock { return confine.Landlock{} }
		}, []string{"doubtful confined: does not hold the process that strangers speak to"}},
		{"logins in the clear", func(s *testSite) {
			s.run("-T ", "")
			s.write("service/log/main/current", "@4000 vodmr: 1 login user=odmr@example.org mechanism=CRAM-MD5 ip=192.0.2.1\n", 0o644)
		}, []string{clearText}},
		{"vchkpw is nobody", func(s *testSite) {
			s.asNobody()
		}, []string{weak, lost, others}},
		{"vchkpw is not there", func(s *testSite) {
			s.must(os.Remove(s.path("bin/vchkpw")))
		}, []string{"wrong ROOT/bin/vchkpw: is not there"}},
		{"vodmr-relay cannot be run", func(s *testSite) {
			s.must(os.Chmod(s.path("bin/vodmr-relay"), 0o600))
		}, []string{"wrong ROOT/bin/vodmr-relay: cannot be run"}},
		{"a window of 0", func(s *testSite) {
			s.write("service/env/VODMR_WINDOW", "0\n", 0o644)
		}, []string{
			"wrong ROOT/service/env: has a setting that makes no sense",
			"wrong odmr@example.org: cannot be looked up: ATRN gets 451",
		}},
		{"few inotify instances", func(s *testSite) {
			s.write("service/env/VODMR_IDLE", "3600\n", 0o644)
			s.made("rules", login+":allow\n@example.org:allow\n:deny\n")
			s.write("proc/sys/fs/inotify/max_user_instances", "39\n", 0o644)
		}, []string{"doubtful ROOT/proc/sys/fs/inotify/max_user_instances: is less than standing sessions may need"}},
		{"few connections for many that stay", func(s *testSite) {
			s.write("service/env/CONCURRENCY", "2\n", 0o644)
			s.made("rules", login+`:allow,VODMR_IDLE="60"`+"\neve@example.org:allow,VODMR_IDLE=\"60\"\n:deny\n")
			s.config.Logins = []string{login}
		}, []string{"doubtful ROOT/service/run: lets in no more customers than may stay for good"}},
		{"a name that is none", func(s *testSite) {
			s.write("service/env/VODMR_WINDOWS", "7\n", 0o644)
		}, []string{"doubtful ROOT/service/env: has a setting that no program knows"}},
		{"domains in env", func(s *testSite) {
			s.write("service/env/VODMR_DOMAINS", "example.org\n", 0o644)
		}, []string{"doubtful ROOT/service/env: sets what counts in rules.cdb only"}},
	}
}

// doorSetups are of the folder where recipients are asked about.
func doorSetups() []setup {
	door := func(s *testSite, mode os.FileMode) string {
		path := s.path("door")
		s.must(os.Mkdir(path, 0o755))
		if os.Geteuid() == 0 {
			s.must(os.Chown(path, 65533, 65533))
		}
		s.must(os.Chmod(path, mode))
		s.write("service/env/VODMR_DOOR", path+"\n", 0o644)
		return path
	}
	return []setup{
		{"no door", func(s *testSite) {
			s.write("service/env/VODMR_DOOR", s.path("door")+"\n", 0o644)
		}, []string{"wrong ROOT/door: is no folder, so unknown recipients are not refused"}},
		{"anybody makes sockets", func(s *testSite) {
			door(s, os.ModeSetgid|0o757)
		}, []string{"wrong ROOT/door: can be written by others than its owner, who could have mail refused"}},
		{"nobody can ask", func(s *testSite) {
			door(s, 0o700)
		}, []string{"doubtful ROOT/door: lets no group in, so the SMTP server cannot ask"}},
		{"a socket with odd answers", func(s *testSite) {
			s.must(answerOddly(filepath.Join(door(s, os.ModeSetgid|0o750), "example.org")))
		}, []string{"wrong ROOT/door/example.org: gives no answer about an address that cannot exist, so any recipient is accepted"}},
		{"no postmaster", func(s *testSite) {
			learnt := history.NewRecipients(door(s, os.ModeSetgid|0o750), "example.org", time.Now)
			s.must(learnt.Refused("postmaster@example.org", "who?"))
		}, []string{"doubtful postmaster@example.org: is refused by the customer's server"}},
	}
}

// answerOddly listens at a socket, and gives each question something that is no answer.
func answerOddly(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadString('\n')
			_, _ = io.WriteString(conn, "perhaps\n")
			conn.Close()
		}
	}()
	return nil
}

func ruleSetups() []setup {
	return []setup{
		{"no rules.cdb", func(s *testSite) {
			s.must(os.Remove(s.path("service/rules.cdb")))
		}, []string{
			"wrong ROOT/service/rules.cdb: is not there, though the run script names it",
			"wrong odmr@example.org: cannot be looked up: ATRN gets 451",
		}},
		{"rules.cdb is old", func(s *testSite) {
			s.write("service/rules", login+":allow\n:deny\n", 0o644)
			then := time.Now().Add(-time.Hour)
			s.must(os.Chtimes(s.path("service/rules.cdb"), then, then))
		}, []string{"wrong ROOT/service/rules.cdb: is older than its source"}},
		{"rules.cdb is private", func(s *testSite) {
			s.asNobody()
			s.must(os.Chmod(s.path("service/rules.cdb"), 0o600))
		}, []string{weak, "wrong ROOT/service/rules.cdb: cannot be read by those who must", lost, others}},
		{"rules.cdb is text", func(s *testSite) {
			s.write("service/rules.cdb", strings.Repeat(":deny\n", 1000), 0o644)
		}, []string{
			"wrong ROOT/service/rules.cdb: is damaged",
			"wrong odmr@example.org: cannot be looked up: ATRN gets 451",
		}},
		{"the rules let all in", func(s *testSite) {
			s.made("rules", login+":allow\n:allow\n")
		}, []string{"doubtful ROOT/service/rules.cdb: lets in every login that has no line"}},
		{"a rule that makes no sense", func(s *testSite) {
			s.made("rules", login+`:allow,VODMR_DOMAINS="example.org, example.net"`+"\n:deny\n")
		}, []string{
			"wrong ROOT/service/rules.cdb odmr@example.org: has a setting that makes no sense",
			"wrong odmr@example.org: cannot be looked up: ATRN gets 451",
		}},
		{"a key in upper case", func(s *testSite) {
			s.made("rules", login+":allow\nOdmr@Example.net:allow\n:deny\n")
		}, []string{"wrong ROOT/service/rules.cdb Odmr@Example.net: has a key that no login can match"}},
		{"the login is denied", func(s *testSite) {
			s.made("rules", login+":deny\n")
		}, []string{"wrong odmr@example.org: is denied by the rules"}},
		{"the login is not listed", func(s *testSite) {
			s.made("rules", "eve@example.org:allow\n")
		}, []string{"wrong odmr@example.org: has no line in the rules"}},
	}
}

func tlsSetups() []setup {
	later := func(days int) time.Time { return time.Now().Add(time.Duration(days) * 24 * time.Hour) }
	return []setup{
		{"no certificate", func(s *testSite) {
			s.must(os.Remove(s.path("service/cert.pem")))
		}, []string{"wrong ROOT/service/cert.pem: is not there, so there is no TLS"}},
		{"the key is public", func(s *testSite) {
			s.must(os.Chmod(s.path("service/cert.pem"), 0o644))
		}, []string{"wrong ROOT/service/cert.pem: shows the key to other users"}},
		{"the key is another's", func(s *testSite) {
			_, cert, _ := strings.Cut(s.cert.issue(host, later(90)), "-----END EC PRIVATE KEY-----\n")
			key, _, _ := strings.Cut(s.cert.issue(host, later(90)), "-----BEGIN CERTIFICATE-----")
			s.write("service/cert.pem", cert+key, 0o600)
		}, []string{"wrong ROOT/service/cert.pem: is no certificate with its key"}},
		{"expired", func(s *testSite) {
			s.write("service/cert.pem", s.cert.issue(host, later(-1)), 0o600)
		}, []string{"wrong ROOT/service/cert.pem: is not valid today"}},
		{"expires soon", func(s *testSite) {
			s.write("service/cert.pem", s.cert.issue(host, later(3)), 0o600)
		}, []string{"doubtful ROOT/service/cert.pem: ends within two weeks"}},
		{"another name", func(s *testSite) {
			s.write("service/cert.pem", s.cert.issue("www.provider.test", later(90)), 0o600)
		}, []string{"wrong ROOT/service/cert.pem: is for another name"}},
		{"signed by nobody", func(s *testSite) {
			s.write("service/cert.pem", newAuthority(s.t).issue(host, later(90)), 0o600)
		}, []string{"doubtful ROOT/service/cert.pem: is signed by nobody that this system knows"}},
		{"the certificate is a FIFO", func(s *testSite) {
			s.must(os.Remove(s.path("service/cert.pem")))
			s.fifo("service/cert.pem")
		}, []string{"wrong ROOT/service/cert.pem: cannot be read by those who must"}},
		{"somebody is in the empty folder", func(s *testSite) {
			s.run("-s", "-s -u vpopmail")
			s.must(os.Chmod(s.path("empty"), 0o777))
		}, []string{"wrong ROOT/empty: is no place to be locked into"}},
	}
}

func portSetups() []setup {
	return []setup{
		{"nobody listens", func(s *testSite) {
			s.config.Port = 1 // tcpmux: nobody's
		}, []string{"wrong port 1: has nobody who listens"}},
		{"it hangs up", func(s *testSite) {
			s.greeting = ""
		}, []string{"wrong port N: takes a connection and does not greet"}},
		{"another server", func(s *testSite) {
			s.greeting, s.ehlo = "220 mail.provider.test ESMTP", "250-mail.provider.test\r\n250 PIPELINING"
		}, []string{"wrong port N: is answered by something else"}},
		{"not SMTP at all", func(s *testSite) {
			s.greeting = "SSH-2.0-OpenSSH_9.2"
		}, []string{"wrong port N: takes a connection and does not greet"}},
		{"no STARTTLS", func(s *testSite) {
			s.ehlo = "250-mail.provider.test\r\n250-AUTH CRAM-MD5\r\n250 ATRN"
		}, []string{"wrong port N: offers no STARTTLS, though the run script says -s"}},
		{"no AUTH", func(s *testSite) {
			s.run("-T ", "")
			s.ehlo = "250-mail.provider.test\r\n250-STARTTLS\r\n250 ATRN"
		}, []string{clearText, "wrong port N: offers no login"}},
		{"no TLS on connect", func(s *testSite) {
			s.run("vodmr-tls -s", "vodmr-tls")
		}, []string{"wrong port N: does not speak TLS, though the run script has vodmr-tls"}},
		{"an old process answers", func(s *testSite) {
			s.greeting = "220 old.provider.test on-demand mail relay"
		}, []string{"doubtful port N: greets with another name than the run script has"}},
	}
}

// fifo makes a FIFO: if it is opened for reading without O_NONBLOCK, that waits for good.
func (s *testSite) fifo(name string) {
	s.t.Helper()
	s.must(mkfifo(s.path(name)))
}

// emptyRoots removes the empty folder, since only root could make it root's. The check
// leaves it out then.
func (s *testSite) emptyRoots() { s.must(os.RemoveAll(s.path("empty"))) }

func setups() []setup {
	return slices.Concat(qmailSetups(), serviceSetups(), doorSetups(), ruleSetups(), tlsSetups(), portSetups(),
		passwordSetups(), domainSetups(), mailboxSetups(), loginSetups(), deliverySetups(), chainSetups(),
		frontSetups(), postfixSetups(), otherSetups(), probeSetups())
}

func TestEachWrongSetupHasItsLine(t *testing.T) {
	seen := map[kind]bool{}
	for _, setup := range setups() {
		t.Run(setup.name, func(t *testing.T) {
			s := good(t)
			setup.make(s)
			got := s.look()
			for i := range got {
				got[i] = strings.Replace(got[i], fmt.Sprintf("port %d:", s.config.Port), "port N:", 1)
				got[i] = s.front.plain(got[i])
				if s.config.Port == 1 {
					got[i] = strings.Replace(got[i], "port N:", "port 1:", 1)
				}
			}
			if diff := cmp.Diff(wanted(setup.want), got); diff != "" {
				t.Errorf("-want, +got:\n%s\n%s", diff, s.out.String())
			}
			for _, f := range s.report.findings {
				seen[f.kind] = true
				if f.kind != "" && !slices.Contains(fileKinds(), f.kind) && !slices.Contains(kindsOfCheck(f.check), f.kind) {
					t.Errorf("the table does not have %q at the check %q", f.kind, f.check)
				}
			}
		})
	}
	for _, s := range catalogue() {
		for _, k := range s.kinds {
			if !seen[k] && k != cannotSee { // which TestWhatAPlainUserCannotSee is about
				t.Errorf("no wrong set-up of this test gives %q", k)
			}
		}
	}
}

// kindsOfCheck are the kinds that the table has at checks of a name.
func kindsOfCheck(name string) []kind {
	return slices.Concat(kindsIn(siteChecks(), name), kindsIn(loginChecks(), name),
		kindsIn(domainChecks(), name), kindsIn(maildirChecks(), name), kindsIn(askedChecks(), name))
}

func kindsIn[F any](checks []check[F], name string) (kinds []kind) {
	for _, c := range checks {
		if c.name == name {
			kinds = append(kinds, c.says...)
		}
	}
	return kinds
}

// wanted leaves out the lines that only root says, if this is not root.
func wanted(lines []string) (kept []string) {
	for _, line := range lines {
		if text, found := strings.CutPrefix(line, forRoot); !found || os.Geteuid() == 0 {
			kept = append(kept, text)
		}
	}
	return kept
}
