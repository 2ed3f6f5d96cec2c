package check

import (
	"os"
	"strings"

	"vodmr/test/kit/cdbmake"
)

// asRoot lets the chain run as root up to the right password.
func (s *testSite) asRoot() { s.run("-U vpopmail ", "") }

// checkpw has vodmr-checkpw check passwords, as root, with this file.
func (s *testSite) checkpw(text string) {
	s.run("-U vpopmail ", "", "$ROOT/bin/vchkpw", "$ROOT/bin/vodmr-checkpw vpasswd")
	s.write("bin/vodmr-checkpw", "#!/bin/sh\n", 0o755)
	if text != "" {
		s.write("service/vpasswd", text, 0o600)
	}
}

// account writes the domain's file of passwords, with these flags in the fourth field.
func (s *testSite) account(flags, dir string) {
	s.owned(domain+"vpasswd", "odmr:"+crypt+":1:"+flags+":odmr:"+dir+":NOQUOTA:"+secret+"\n", 0o600)
}

// Set-ups in which nobody can log in, or a login gets no mail.
func loginSetups() []setup {
	const odmr = "$ROOT/domains/example.org/odmr"
	refused := []string{"wrong odmr@example.org: may not use SMTP, so vchkpw refuses the right password"}
	return []setup{
		{"uid 0 for vodmr-checkpw", func(s *testSite) {
			s.checkpw(login + ":*:0:0::" + odmr + ":-:" + secret + "\n")
		}, []string{"wrong odmr@example.org: has uid 0, which vodmr-checkpw refuses"}},
		{"another's uid for vodmr-checkpw", func(s *testSite) {
			s.checkpw(login + ":*:65533:65533::" + odmr + ":-:" + secret + "\n")
		}, []string{lost, others}},
		{"a group may write to vodmr-checkpw's file", func(s *testSite) {
			s.checkpw(login + ":*:1500:1500::" + odmr + ":-:" + secret + "\n")
			s.must(os.Chmod(s.path("service/vpasswd"), 0o620))
		}, []string{"wrong ROOT/service/vpasswd: is open to writing by others, so vodmr-checkpw lets nobody in"}},
		{"vodmr-checkpw's file is another's", func(s *testSite) {
			s.checkpw(login + ":*:1500:1500::" + odmr + ":-:" + secret + "\n")
			s.must(os.Chown(s.path("service/vpasswd"), 65533, 0))
		}, []string{"wrong ROOT/service/vpasswd: is open to writing by others, so vodmr-checkpw lets nobody in"}},
		{"no file for vodmr-checkpw", func(s *testSite) {
			s.checkpw("")
		}, []string{"wrong odmr@example.org: has no file of passwords, so nobody can log in"}},
		{"no vpasswd", func(s *testSite) {
			s.must(os.Remove(s.path(domain + "vpasswd")))
		}, []string{"wrong odmr@example.org: has no file of passwords, so nobody can log in"}},
		{"a locked password", func(s *testSite) {
			s.vpasswd("NOQUOTA", "!"+crypt, "")
		}, []string{"wrong odmr@example.org: has no password at all"}},
		{"a key that nobody asks for", func(s *testSite) {
			s.checkpw(login + ":*:1500:1500::" + odmr + ":-:sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")
		}, []string{"wrong odmr@example.org: has a key, and nobody asks customers for theirs"}},
		{"a login by a key that is still to come", func(s *testSite) {
			s.checkpw(login + ":external:1500:1500::" + odmr + ":-:\n")
		}, []string{"wrong odmr@example.org: has no password at all"}},
		{"vmoduser -s", func(s *testSite) { s.account("2048", odmr) }, refused},
		{"vmoduser -s, and more", func(s *testSite) { s.account("10276", odmr) }, refused},
		{"disable_smtp", func(s *testSite) {
			s.owned(domain+".qmailadmin-limits", "maxpopaccounts: 5\ndisable_smtp\nperm_account: 0\n", 0o600)
		}, refused},
		{"disable_smtp for all domains", func(s *testSite) {
			s.write("etc/vlimits.default", "disable_smtp\n", 0o644)
		}, refused},
		{"vmoduser -b", func(s *testSite) {
			s.account("16", odmr)
		}, []string{"wrong odmr@example.org: bounces the mail of its own address"}},
		{"HOME outside the domain", func(s *testSite) {
			s.asRoot()
			s.account("0", "$ROOT/elsewhere/odmr")
			s.must(os.Mkdir(s.path("elsewhere"), 0o755))
			s.must(os.Rename(s.path(domain+"odmr"), s.path("elsewhere/odmr")))
			s.owned(domain+".qmail-default", "| /v/bin/vdelivermail '' $ROOT/elsewhere/odmr\n", 0o600)
			s.must(os.Symlink(s.path("elsewhere/odmr"), s.path(domain+"odmr")))
		}, []string{
			"wrong odmr@example.org: has its mailbox outside its domain's folder, so ATRN gets 451",
			"wrong odmr@example.org: cannot be looked up: ATRN gets 451",
		}},
		{"vchkpw is another domain's user", func(s *testSite) {
			s.system.user = func(string) (ids, string, error) { return ids{true, 1, 1}, "/", nil }
			for _, name := range []string{"", "odmr", "odmr/Maildir", "odmr/Maildir/new", "odmr/Maildir/cur", "odmr/Maildir/tmp"} {
				s.must(os.Chmod(s.path(domain+name), 0o755))
			}
			s.must(os.Chmod(s.path(domain+"vpasswd"), 0o644))
		}, []string{
			weak, "wrong ROOT/domains/example.org/vpasswd: shows passwords to other users", lost, others,
		}},
		{"TLS is wanted, and there is none", func(s *testSite) {
			s.run("$ROOT/bin/vodmr-tls -s -c cert.pem", "")
			s.made("rules", login+`:allow,VODMR_REQUIRETLS="1"`+"\n:deny\n")
		}, []string{"wrong odmr@example.org: gets no mail without TLS, and there is none"}},
		{"-T, and there is no TLS", func(s *testSite) {
			s.run("$ROOT/bin/vodmr-tls -s -c cert.pem", "")
			s.ehlo = "250-" + host + "\r\n250 ATRN"
		}, []string{"wrong port N: offers no login"}},
	}
}

// Set-ups in which no mail comes to the mailbox, or leaves it.
func deliverySetups() []setup {
	held := []string{"wrong ROOT/domains/example.org/.qmail-default: makes qmail-local hold all mail back"}
	const dir = domain + "odmr/Maildir"
	return []setup{
		{"qmail-send is down", func(s *testSite) {
			s.stopSend()
		}, []string{"wrong qmail-send: does not run, so no mail is delivered"}},
		{"the trigger is a file", func(s *testSite) {
			s.must(os.Remove(s.path("qmail/queue/lock/trigger")))
			s.write("qmail/queue/lock/trigger", "", 0o622)
		}, []string{"wrong qmail-send: does not run, so no mail is delivered"}},
		{"no local deliveries", func(s *testSite) {
			s.write("qmail/control/concurrencylocal", "0\n", 0o644)
		}, []string{"wrong control/concurrencylocal: is 0, so qmail-send holds all local mail back"}},
		{"qmail-queue is another's", func(s *testSite) {
			s.must(os.Mkdir(s.path("qmail/queue/pid"), 0o700))
			if os.Geteuid() == 0 {
				s.must(os.Chown(s.path("qmail/queue/pid"), 1501, 1501))
			} else {
				s.must(os.Chmod(s.path("qmail/bin/qmail-queue"), 0o755))
			}
		}, []string{"wrong bin/qmail-queue: is not setuid to the owner of the queue"}},
		{".qmail-default may be run", func(s *testSite) { s.must(os.Chmod(s.path(domain+".qmail-default"), 0o700)) }, held},
		{".qmail-default is open to all", func(s *testSite) { s.must(os.Chmod(s.path(domain+".qmail-default"), 0o606)) }, held},
		{".qmail-default begins with nothing", func(s *testSite) {
			s.owned(domain+".qmail-default", "\n| /v/bin/vdelivermail '' $ROOT/domains/example.org/odmr\n", 0o600)
		}, held},
		{".qmail-default is a list", func(s *testSite) {
			s.owned(domain+".qmail-default", "+list\n./odmr/Maildir/\n", 0o600)
		}, held},
		{".qmail-default is open to a group", func(s *testSite) {
			s.must(os.Chmod(s.path(domain+".qmail-default"), 0o660))
		}, []string{"wrong ROOT/domains/example.org/.qmail-default: can be written to by other users"}},
		{"by an address", func(s *testSite) {
			s.owned(domain+".qmail-default", "| /v/bin/vdelivermail '' Odmr@example.org\n", 0o600)
		}, []string{"doubtful example.org: sends unknown addresses here by an address"}},
		{"no tmp", func(s *testSite) {
			s.must(os.Remove(s.path(dir + "/tmp")))
		}, []string{"wrong " + box + ": cannot be delivered to by the domain's user"}},
		{"the domain is root's", func(s *testSite) {
			assign := "+example.org-:example.org:0:0:$ROOT/domains/example.org:-::\n.\n"
			s.write("qmail/users/cdb", string(cdbmake.Assign(strings.ReplaceAll(assign, "$ROOT", s.root))), 0o644)
		}, []string{
			weak, "wrong example.org: belongs to root in users/cdb, so qmail-local delivers nothing",
		}},
		{"a message of somebody else's", func(s *testSite) {
			name := dir + "/new/1000000000.1.host"
			if os.Geteuid() == 0 {
				s.write(name, "Return-Path: <>\n", 0o600)
			} else {
				s.must(os.Symlink("/nonexistent", s.path(name)))
			}
		}, []string{"wrong " + box + ": has mail that vodmr-relay cannot open"}},
		{"a message that nobody may read", func(s *testSite) {
			s.owned(dir+"/cur/1000000000.1.host:2,S", "Return-Path: <>\n", 0o000)
		}, []string{"wrong " + box + ": has mail that vodmr-relay cannot open"}},
	}
}

func chainSetups() []setup {
	return []setup{
		{"the log belongs to somebody else", func(s *testSite) {
			s.write("service/log/run", "#!/bin/sh\nexec setuidgid qmaill multilog t ./main\n", 0o755)
			s.owned("service/log/main", "", 0o755)
			known := s.system.user
			s.system.user = func(name string) (ids, string, error) {
				if name == "qmaill" {
					return ids{true, 1501, 1501}, "/", nil
				}
				return known(name)
			}
		}, []string{"wrong ROOT/service/log/main: cannot be written by the log's account"}},
		{"QMAILQUEUE is qmail's own, without its bits", func(s *testSite) {
			s.must(os.Chmod(s.path("qmail/bin/qmail-queue"), 0o755))
			s.write("service/env/QMAILQUEUE", s.path("qmail/bin/qmail-queue")+"\n", 0o644)
		}, []string{"wrong ROOT/qmail/bin/qmail-queue: is not setuid to the owner of the queue"}},
		{"the log's account is not there", func(s *testSite) {
			s.write("service/log/run", "#!/bin/sh\nif command -v multilog >/dev/null; then\n  exec setuidgid qmaill multilog t ./main\nfi\n"+
				"exec chpst -u qmaill svlogd -tt ./main\n", 0o755)
		}, []string{"wrong ROOT/service/log/run: names an account that does not exist"}},
		{"relative rules", func(s *testSite) {
			s.run("-x $ROOT/service/rules.cdb", "-x rules.cdb")
		}, []string{"wrong ROOT/service/run: tells vodmr-relay a relative path, which it refuses"}},
		{"a relative home of qmail", func(s *testSite) {
			s.run("-q $ROOT/qmail", "-q ../qmail")
			s.config.Qmail = s.path("qmail")
		}, []string{"wrong ROOT/service/run: tells vodmr-relay a relative path, which it refuses"}},
		{"other rules of an older date", func(s *testSite) {
			s.write("service/rules", login+":deny\n", 0o644)
			s.age("service/rules")
		}, []string{"wrong ROOT/service/rules.cdb: has other rules than its source"}},
		{"a capital letter that make refuses", func(s *testSite) {
			s.write("service/rules", login+`:allow,VODMR_INTERVAL="60"`+"\nEve@example.org:deny\n:deny\n", 0o644)
			s.age("service/rules") // the same tick of the clock could be either
		}, []string{
			"wrong ROOT/service/rules.cdb: has other rules than its source",
			"wrong ROOT/service/rules Eve@example.org: has a key that no login can match",
		}},
		{"rules.cdb is open to all", func(s *testSite) {
			s.must(os.Chmod(s.path("service/rules.cdb"), 0o646))
		}, []string{
			"wrong ROOT/service/rules.cdb: can be written to by other users",
			"wrong odmr@example.org: cannot be looked up: ATRN gets 451",
		}},
		{"no qmail, and QMAILQUEUE is not there", func(s *testSite) {
			s.run("-q $ROOT/qmail", "-q /nonexistent", "$ROOT/bin/vchkpw", "$ROOT/bin/vodmr-checkpw vpasswd")
			s.write("bin/vodmr-checkpw", "#!/bin/sh\n", 0o755)
			s.owned("service/vpasswd", login+":*:1:0::$ROOT/domains/example.org/odmr:-:"+secret+"\n", 0o600)
			s.must(os.Remove(s.path(domain + ".qmail-default")))
			s.write("service/env/QMAILQUEUE", "/nonexistent/queue\n", 0o644)
		}, []string{"wrong /nonexistent/queue: is not there"}},
	}
}
