package check

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func mkfifo(path string) error { return unix.Mkfifo(path, 0o644) }

func passwordSetups() []setup {
	long := strings.Repeat("a-long-local-part", 5)
	return []setup{
		{"no login", func(s *testSite) {
			s.config.Logins = nil
			s.made("rules", ":deny\n")
		}, []string{"doubtful logins: none is named, and no rule names one"}},
		{"a login that is not there", func(s *testSite) {
			s.config.Logins = []string{"nobody"}
			s.made("rules", "nobody:allow\n:deny\n")
		}, []string{"wrong nobody: has no mailbox that can be found"}},
		{"an account that is not there", func(s *testSite) {
			s.owned(domain+"vpasswd", "other:x:1:0::/nonexistent:NOQUOTA:\n", 0o600)
		}, []string{"wrong odmr@example.org: has no such account"}},
		{"passwords are in a database", func(s *testSite) {
			s.must(os.Remove(s.path(domain + "vpasswd")))
			s.write("etc/vpopmail.mysql", "localhost|0|vpopmail|secret|vpopmail\n", 0o640)
		}, []string{"doubtful odmr@example.org: has no file of passwords that can be looked at"}},
		{"no clear password", func(s *testSite) {
			s.vpasswd("NOQUOTA", crypt, "")
			s.run("$ROOT/bin/vodmr-tls -s -c cert.pem", "", "-T ", "")
		}, []string{clearText, "wrong odmr@example.org: has no clear password, and there is no TLS"}},
		{"no password", func(s *testSite) {
			s.vpasswd("NOQUOTA", "*", "")
		}, []string{"wrong odmr@example.org: has no password at all"}},
		{"a long login", func(s *testSite) {
			name := long + "@example.org"
			s.config.Logins = []string{name}
			s.made("rules", name+":allow\n:deny\n")
			s.owned(domain+"vpasswd", long+":x:1:0::$ROOT/domains/example.org/odmr:NOQUOTA:"+secret+"\n", 0o600)
			s.made("rules", login+":allow\n:deny\n")
		}, []string{"wrong " + long + "@example.org: is too long for vchkpw"}},
		{"a quota", func(s *testSite) {
			s.vpasswd("10000000S", crypt, secret)
		}, []string{"wrong odmr@example.org: has a quota"}},
		{"passwords for all to read", func(s *testSite) {
			s.must(os.Chmod(s.path(domain+"vpasswd"), 0o644))
			s.must(os.Chmod(s.path(domain), 0o711))
		}, []string{"wrong ROOT/domains/example.org/vpasswd: shows passwords to other users"}},
		{"half a line", func(s *testSite) {
			s.owned(domain+"vpasswd", "odmr:x:1:0::$ROOT/domains/example.org/odmr:NOQUOTA:"+secret+"\neve:x\n", 0o600)
		}, []string{"doubtful ROOT/domains/example.org/vpasswd: has a line that is no account"}},
		{"an old vpasswd.cdb", func(s *testSite) {
			s.owned(domain+"vpasswd.cdb", "-", 0o600)
			s.age(domain + "vpasswd.cdb")
		}, []string{"doubtful ROOT/domains/example.org/vpasswd: is newer than vpasswd.cdb"}},
		{"vodmr-checkpw without its account", func(s *testSite) {
			s.write("bin/vodmr-checkpw", "#!/bin/sh\n", 0o755)
			s.run("$ROOT/bin/vchkpw", "$ROOT/bin/vodmr-checkpw vpasswd")
			s.owned("service/vpasswd", "eve:x:1:0::/home/eve:-:"+secret+"\n", 0o600)
		}, []string{"wrong odmr@example.org: has no such account"}},
	}
}

func domainSetups() []setup {
	folder := "ROOT/domains/example.org"
	byDefault := func(text string) func(*testSite) {
		return func(s *testSite) { s.owned(domain+".qmail-default", text, 0o600) }
	}
	none := "wrong odmr@example.org: may have the mail of no domain"
	return []setup{
		{"not in rcpthosts", func(s *testSite) {
			s.write("qmail/control/rcpthosts", host+"\n.sub.example.org\n", 0o644)
		}, []string{"wrong example.org: is not taken in by qmail-smtpd"}},
		{"no rcpthosts", func(s *testSite) {
			s.must(os.Remove(s.path("qmail/control/rcpthosts")))
		}, []string{"doubtful control/rcpthosts: is missing: qmail-smtpd takes mail for the whole world"}},
		{"in locals", func(s *testSite) {
			s.write("qmail/control/locals", host+"\nEXAMPLE.ORG\n", 0o644)
		}, []string{"wrong example.org: is in control/locals too, which counts first"}},
		{"not in virtualdomains", func(s *testSite) {
			s.write("qmail/control/virtualdomains", "example.net:example.net\n", 0o644)
		}, []string{"wrong example.org: is not in control/virtualdomains"}},
		{"virtualdomains says another user", func(s *testSite) {
			s.write("qmail/control/virtualdomains", "example.org:alias-example\n", 0o644)
		}, []string{"wrong example.org: is sent elsewhere by control/virtualdomains"}},
		{"no .qmail-default", func(s *testSite) {
			s.must(os.Remove(s.path(domain + ".qmail-default")))
		}, []string{none, "wrong example.org: has no .qmail-default"}},
		{"it bounces", byDefault("| /v/bin/vdelivermail '' bounce-no-mailbox\n"),
			[]string{none, "wrong example.org: bounces unknown addresses"}},
		{"it deletes", byDefault("| /v/bin/vdelivermail '' delete\n"),
			[]string{none, "wrong example.org: deletes mail to unknown addresses"}},
		{"it leads to another mailbox", byDefault("| /v/bin/vdelivermail '' $ROOT/domains/example.org/eve\n"),
			[]string{none, "wrong example.org: sends unknown addresses to another place"}},
		{"it leads to another address", byDefault("| /v/bin/vdelivermail '' eve@example.org\n"),
			[]string{none, "wrong example.org: sends unknown addresses to another place"}},
		{"it says nothing", byDefault("# nothing\n"),
			[]string{none, "wrong example.org: sends unknown addresses to another place"}},
		{"it leads to two", byDefault("| /v/bin/vdelivermail '' $ROOT/domains/example.org/odmr\n&eve@example.net\n"),
			[]string{"doubtful example.org: sends mail to more places than this mailbox"}},
		{"postmaster has mail", func(s *testSite) {
			s.owned(domain+"postmaster/Maildir/new/1.2.host", "Return-Path: <>\n", 0o600)
		}, []string{"doubtful postmaster@example.org: keeps mail in a mailbox of its own"}},
		{"the domain's folder is sticky", func(s *testSite) {
			s.must(os.Chmod(s.path(domain), 0o700|os.ModeSticky))
		}, []string{"wrong " + folder + ": is sticky, so qmail holds its mail back"}},
		{"the domain's folder is open", func(s *testSite) {
			s.must(os.Chmod(s.path(domain), 0o777))
		}, []string{"wrong " + folder + ": can be written to by other users"}},
	}
}

func mailboxSetups() []setup {
	const dir = domain + "odmr/Maildir"
	old := "1000000000.1.host"
	return []setup{
		{"new is open to the group", func(s *testSite) {
			s.must(os.Chmod(s.path(dir+"/new"), 0o770))
		}, []string{"wrong " + box + "/new: can be written to by other users"}},
		{"cur is closed to its owner", func(s *testSite) {
			s.must(os.Chmod(s.path(dir+"/cur"), 0o500))
		}, []string{"wrong " + box + "/cur: cannot be entered by the user that vodmr-relay runs as"}},
		{"no cur", func(s *testSite) {
			s.must(os.Remove(s.path(dir + "/cur")))
		}, []string{"wrong " + box + ": is no Maildir that vodmr-relay opens"}},
		{"the Maildir is a link", func(s *testSite) {
			s.must(os.Rename(s.path(dir), s.path("elsewhere")))
			s.must(os.Symlink(s.path("elsewhere"), s.path(dir)))
		}, []string{"wrong " + box + ": is no Maildir that vodmr-relay opens"}},
		{"new is a FIFO", func(s *testSite) {
			s.must(os.Remove(s.path(dir + "/new")))
			s.fifo(dir + "/new")
		}, []string{"wrong " + box + ": is no Maildir that vodmr-relay opens"}},
		{"a .qmail diverts", func(s *testSite) {
			s.owned(domain+"odmr/.qmail", "&eve@example.net\n", 0o600)
		}, []string{"wrong " + home + "/.qmail: sends the mailbox's mail to another place"}},
		{"a .qmail copies", func(s *testSite) {
			s.owned(domain+"odmr/.qmail", "./Maildir/\n&eve@example.net\n", 0o600)
		}, []string{"doubtful " + home + "/.qmail: sends mail to more places than this mailbox"}},
		{"maildirsize", func(s *testSite) {
			s.owned(dir+"/maildirsize", "1000S,5C\n500 1\n-100 -1\n", 0o600)
		}, []string{"doubtful " + box + "/maildirsize: counts a quota"}},
		{"maildirsize is over", func(s *testSite) {
			s.owned(dir+"/maildirsize", "1000S\n1100 3\n-100 -1\n", 0o600)
		}, []string{"wrong " + box + "/maildirsize: is over its quota, and mail bounces"}},
		{"the lock is a folder", func(s *testSite) {
			s.owned(dir+"/vodmr.lock", "", 0o700)
		}, []string{"wrong " + box + "/vodmr.lock: cannot be locked"}},
		{"the lock cannot be written", func(s *testSite) {
			s.owned(dir+"/vodmr.lock", "\n", 0o400)
		}, []string{"wrong " + box + "/vodmr.lock: cannot be locked"}},
		{"the notes are a FIFO", func(s *testSite) {
			s.fifo(dir + "/vodmr.notes")
		}, []string{"wrong " + box + "/vodmr.notes: cannot be written, so one message goes at a time"}},
		{"the notes were quarantined", func(s *testSite) {
			s.owned(dir+"/vodmr.notes.bad", "rubbish\n", 0o600)
		}, []string{"doubtful " + box + "/vodmr.notes.bad: was no file of notes, and was quarantined"}},
		{"old mail", func(s *testSite) {
			s.owned(dir+"/new/"+old, "Return-Path: <>\n", 0o600)
		}, []string{"doubtful " + box + ": has mail that is older than control/queuelifetime"}},
		{"mail that stays", func(s *testSite) {
			name := recent()
			s.owned(dir+"/new/"+name, "rubbish\n", 0o600)
			s.owned(dir+"/vodmr.notes", "1000000000 stays "+name+" no envelope\n", 0o600)
		}, []string{"doubtful " + box + ": has mail that no session can send"}},
		{"mail that breaks sessions", func(s *testSite) {
			name := recent()
			s.owned(dir+"/new/"+name, "rubbish\n", 0o600)
			s.owned(dir+"/vodmr.notes", "1000000000 broke "+name+" 3\n", 0o600)
		}, []string{"doubtful " + box + ": has mail that breaks each session"}},
		{"a Maildir without end", func(s *testSite) {
			s.owned(dir+"/new/"+recent(), "Return-Path: <>\n", 0o600)
			s.system.look = -time.Second
		}, []string{"doubtful " + box + ": has more mail than could be counted in time"}},
		{"a file of passwords without end", func(s *testSite) {
			s.must(os.Truncate(s.path(domain+"vpasswd"), 1<<40))
		}, []string{"wrong odmr@example.org: cannot be read by those who must"}},
		{"HOME is root's", func(s *testSite) {
			s.run("$ROOT/bin/vchkpw", "$ROOT/bin/vodmr-checkpw vpasswd")
			s.write("bin/vodmr-checkpw", "#!/bin/sh\n", 0o755)
			s.owned("service/vpasswd", "odmr@example.org:x:0:0::/usr:-:"+secret+"\n", 0o600)
		}, []string{
			"wrong odmr@example.org: cannot be looked up: ATRN gets 451",
			"wrong example.org: sends unknown addresses to another place",
			"wrong /usr: belongs to root",
		}},
	}
}

// recent is the name of a message that has just come.
func recent() string { return strconv.FormatInt(time.Now().Unix(), 10) + ".1.host" }
