package check

import (
	"encoding/pem"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/cdb"
)

// Sites that look odd, and are as they should be.
func TestNothingIsWrongWithAGoodSite(t *testing.T) {
	later := time.Now().Add(90 * 24 * time.Hour)
	for name, change := range map[string]func(s *testSite){
		"as INSTALL has it": func(*testSite) {},
		"by a Maildir":      func(s *testSite) { s.owned(domain+".qmail-default", "./odmr/Maildir/\n", 0o600) },
		"postmaster gets all, and mail waits": func(s *testSite) {
			s.must(os.Rename(s.path(domain+"odmr"), s.path(domain+"postmaster")))
			s.owned(domain+".qmail-default", "| /v/bin/vdelivermail '' $ROOT/domains/example.org/postmaster\n", 0o600)
			s.owned(domain+"vpasswd", "postmaster:x:1:0::$ROOT/domains/example.org/postmaster:NOQUOTA:"+secret+"\n", 0o600)
			s.owned(domain+"postmaster/Maildir/new/"+recent(), "Return-Path: <>\n", 0o600)
			s.made("rules", "postmaster@example.org:allow\n:deny\n")
			s.config.Logins = nil // the rules have it
		},
		"a mailbox in a numbered folder": func(s *testSite) {
			s.owned(domain+"0", "", 0o700)
			s.must(os.Rename(s.path(domain+"odmr"), s.path(domain+"0/odmr")))
			s.owned(domain+".qmail-default", "| /v/bin/vdelivermail '' $ROOT/domains/example.org/0/odmr\n", 0o600)
			s.owned(domain+"vpasswd", "odmr:x:1:0::$ROOT/domains/example.org/0/odmr:NOQUOTA:"+secret+"\n", 0o600)
		},
		"a login as it was typed": func(s *testSite) { s.config.Logins = []string{"Odmr%Example.org"} },
		"a wildcard in rcpthosts": func(s *testSite) { s.write("qmail/control/rcpthosts", ".org\n", 0o644) },
		"morercpthosts": func(s *testSite) {
			s.write("qmail/control/rcpthosts", host+"\n", 0o644)
			s.write("qmail/control/morercpthosts.cdb", string(cdb.Make([]cdb.Record{{Key: "example.org"}})), 0o644)
		},
		"another qmail-queue": func(s *testSite) {
			s.write("service/env/QMAILQUEUE", "bin/filter\n", 0o644)
			s.write("qmail/bin/filter", "#!/bin/sh\n", 0o755)
			s.must(os.Remove(s.path("qmail/bin/qmail-queue")))
		},
		"an address for a name": func(s *testSite) { s.write("qmail/control/helohost", "[192.0.2.1]\n", 0o644) },
		"a chain of authorities": func(s *testSite) {
			middle := s.cert.below()
			text := middle.issue(host, later) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: middle.cert.Raw}))
			s.write("service/cert.pem", text, 0o600)
		},
		"a login by a key": func(s *testSite) {
			s.checkpw(login + ":*:1500:1500::$ROOT/domains/example.org/odmr:-:sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")
			run := s.path("service/run")
			text, err := os.ReadFile(run)
			s.must(err)
			s.must(os.WriteFile(run, []byte(strings.Replace(string(text), "-c cert.pem", "-c cert.pem -a any", 1)), 0o755))
		},
		"a certificate signed by itself": func(s *testSite) {
			s.write("service/cert.pem", (&authority{t: t}).issue(host, later), 0o600)
		},
		"the key in a file of its own": func(s *testSite) {
			key, cert, _ := strings.Cut(s.cert.issue(host, later), "-----BEGIN CERTIFICATE")
			s.write("service/key.pem", key, 0o600)
			s.write("service/cert.pem", "-----BEGIN CERTIFICATE"+cert, 0o644)
			s.run("-c cert.pem", "-c cert.pem -k key.pem")
		},
		"no TLS, behind a proxy that ended it": func(s *testSite) {
			s.run("$ROOT/bin/vodmr-tls -s -c cert.pem", "", "-T ", "-T -P 127.0.0.1 ")
		},
		"a run script that looks for envdir": func(s *testSite) {
			s.run("exec envdir ./env sh", "for envdir in envdir s6-envdir \"chpst -e\"; do\n"+
				"  command -v \"${envdir%% *}\" >/dev/null && break\ndone\nexec $envdir ./env sh")
		},
		"a .qmail that says the same":            func(s *testSite) { s.owned(domain+"odmr/.qmail", "./Maildir/\n", 0o600) },
		"a hash and no clear password, with TLS": func(s *testSite) { s.vpasswd("NOQUOTA", crypt, "") },
		"standing sessions": func(s *testSite) {
			s.made("rules", login+`:allow,VODMR_IDLE="86400"`+"\n:deny\n")
			s.write("proc/sys/fs/inotify/max_user_instances", "8\n", 0o644)
		},
		"passwords for all to read, below a folder for the owner alone": func(s *testSite) {
			s.must(os.Chmod(s.path(domain+"vpasswd"), 0o644))
			s.owned(domain+"vpasswd.cdb", "-", 0o644)
		},
		"a key for all to read, below a folder for root alone": func(s *testSite) {
			s.write("private/cert.pem", s.cert.issue(host, later), 0o644)
			s.must(os.Chmod(s.path("private"), 0o700))
			s.run("-c cert.pem", "-c $ROOT/private/cert.pem")
		},
		"rules that were only touched": func(s *testSite) {
			then := time.Now().Add(time.Minute)
			s.must(os.Chtimes(s.path("service/rules"), then, then))
		},
		"an account that may not use POP, IMAP or webmail": func(s *testSite) {
			s.account("14", "$ROOT/domains/example.org/odmr")
		},
		"an account that its domain's limits are not for": func(s *testSite) {
			s.account("8192", "$ROOT/domains/example.org/odmr")
			s.owned(domain+".qmailadmin-limits", "disable_smtp\n", 0o600)
		},
		"a domain that may not use POP": func(s *testSite) {
			s.owned(domain+".qmailadmin-limits", "disable_pop\ndisable_smtp_not: 1\n", 0o600)
		},
		"a log that an account writes": func(s *testSite) {
			s.owned("service/log/main", "", 0o700)
			s.write("service/log/run", "#!/bin/sh\nexec setuidgid vpopmail multilog t ./main\n", 0o755)
		},
		"vchkpw as root": func(s *testSite) { s.asRoot() },
		"limits for all domains": func(s *testSite) {
			s.write("etc/vlimits.default", "maxpopaccounts: 5\n", 0o644)
		},
		"vodmr-checkpw as root": func(s *testSite) {
			owner := strconv.Itoa(s.owner)
			s.checkpw(login + ":*:" + owner + ":" + owner + "::$ROOT/domains/example.org/odmr:-:" + secret + "\n")
		},
		"a message that was just renamed": func(s *testSite) {
			s.owned(domain+"odmr/Maildir/cur/"+recent()+":2,S", "Return-Path: <>\n", 0o600)
		},
		"postmaster's mail was read": func(s *testSite) {
			s.owned(domain+"postmaster/Maildir/cur/1.2.host:2,S", "Return-Path: <>\n", 0o600)
		},
		"a catch-all without a byte": func(s *testSite) {
			s.owned(domain+".qmail-default", "#\n", 0o600)
			s.must(os.Truncate(s.path(domain+".qmail-default"), 0))
			s.made("rules", login+`:allow,VODMR_DOMAINS="example.org"`+"\n:deny\n")
		},
		"vodmr-checkpw": func(s *testSite) {
			s.write("bin/vodmr-checkpw", "#!/bin/sh\n", 0o755)
			s.run("$ROOT/bin/vchkpw", "$ROOT/bin/vodmr-checkpw vpasswd")
			s.owned("service/vpasswd", login+":x:1:0::$ROOT/domains/example.org/odmr:-:"+secret+"\n", 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := good(t)
			change(s)
			if diff := cmp.Diff([]string(nil), s.look()); diff != "" {
				t.Errorf("%s\n%s", diff, s.out.String())
			}
			s.allOK()
			if !strings.Contains(s.out.String(), ": may have the mail of example.org\n") {
				t.Errorf("the login was not looked at:\n%s", s.out.String())
			}
		})
	}
}

// allOK fails unless each line that is printed is an ok.
func (s *testSite) allOK() {
	s.t.Helper()
	for line := range strings.Lines(s.out.String()) {
		if !strings.HasPrefix(line, "ok ") && !(os.Geteuid() != 0 && strings.HasPrefix(line, "root can see more")) {
			s.t.Errorf("line %q", line)
		}
	}
}

func TestModesGrantWhatTheySay(t *testing.T) {
	s := status{uid: 1, gid: 2}
	for _, test := range []struct {
		mode   os.FileMode
		runsAs ids
		bits   os.FileMode
		want   bool
	}{
		{0o400, ids{true, 1, 9}, mayRead, true},
		{0o400, ids{true, 1, 9}, mayRead | mayWrite, false},
		{0o047, ids{true, 1, 2}, mayRead, false}, // the owner's bits alone count
		{0o040, ids{true, 3, 2}, mayRead, true},
		{0o704, ids{true, 3, 2}, mayRead, false},
		{0o004, ids{true, 3, 4}, mayRead, true},
		{0o770, ids{true, 3, 4}, mayRead, false},
		{0o000, ids{true, 0, 0}, mayRead | mayWrite, true},
		{0o644, ids{true, 0, 0}, mayRun, false},
		{0o001, ids{true, 0, 0}, mayRun, true},
		{os.ModeDir, ids{true, 0, 0}, mayRun, true},
	} {
		s.mode = test.mode
		if got := s.grants(test.runsAs, test.bits); got != test.want {
			t.Errorf("%v for %v, bits %o: %v", test.mode, test.runsAs, test.bits, got)
		}
	}
}

// A service that a supervisor runs is looked at, by its own name, before a folder of a
// usual name that nobody runs.
func TestTheServiceThatRunsIsLookedAt(t *testing.T) {
	s := good(t)
	s.config.Dir = ""
	s.system.dirs = []string{s.path("none"), s.path("gone"), s.path("scan/vodmr"), s.path("left/vodmr")}
	s.write("left/vodmr/run", "#!/bin/sh\n", 0o755)
	s.must(os.Mkdir(s.path("scan"), 0o755))
	s.must(os.Symlink(s.path("removed"), s.path("gone")))
	s.must(os.Symlink(s.path("service"), s.path("scan/vodmr")))
	if diff := cmp.Diff([]string(nil), s.look()); diff != "" || !strings.Contains(s.out.String(), "\nok "+s.path("service/cert.pem")) {
		t.Errorf("%s\n%s", diff, s.out.String())
	}
	s.must(os.Remove(s.path("scan/vodmr")))
	s.config.Dir, s.config.Qmail = "", s.path("qmail")
	if lines := s.look(); len(lines) == 0 || !strings.HasPrefix(lines[0], "wrong ROOT/left/vodmr/run: ") {
		t.Errorf("%q", lines)
	}
}
