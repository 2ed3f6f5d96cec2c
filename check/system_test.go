package check

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/cdbmake"
)

// plain makes a site without vpopmail: virtualdomains gives the domain to a user of the
// system, and vodmr-checkpw has the login.
func plain(t *testing.T, prefix string) *testSite {
	s := good(t)
	s.write("qmail/users/cdb", string(cdbmake.Assign(".\n")), 0o644)
	s.must(os.Remove(s.path("qmail/users/assign")))
	s.write("qmail/control/virtualdomains", "example.org:"+prefix+"\n", 0o644)
	s.write("bin/vodmr-checkpw", "#!/bin/sh\n", 0o755)
	s.must(os.MkdirAll(s.path("home/alias"), 0o755))
	s.run("$ROOT/bin/vchkpw", "$ROOT/bin/vodmr-checkpw vpasswd")
	s.owned("service/vpasswd", login+":*:1:0::$ROOT/home/odmr:-:"+secret+"\n", 0o600)
	for _, name := range []string{"", "/Maildir", "/Maildir/new", "/Maildir/cur", "/Maildir/tmp"} {
		s.owned("home/odmr"+name, "", 0o700)
	}
	s.owned("home/odmr/.qmail-default", "./Maildir/\n", 0o600)
	s.system.user = func(name string) (ids, string, error) {
		switch name {
		case "odmr", "vpopmail":
			return ids{true, uint32(s.owner), uint32(s.owner)}, s.path("home/odmr"), nil
		case "alias":
			return ids{true, uint32(s.owner), uint32(s.owner)}, s.path("home/alias"), nil
		}
		return ids{}, "", errors.New("unknown user " + name)
	}
	return s
}

// The catch-all of a system user is followed as qmail-local does.
func TestSystemUsersCatchAll(t *testing.T) {
	const folder = "ROOT/home/odmr"
	write := func(name, text string, mode os.FileMode) func(*testSite) {
		return func(s *testSite) { s.owned("home/odmr/"+name, text, mode) }
	}
	for name, test := range map[string]struct {
		prefix string
		change func(s *testSite)
		want   []string
	}{
		"a user":            {"odmr", func(*testSite) {}, nil},
		"an extension":      {"odmr-x-y.z", write(".qmail-x-y:z-default", "./Maildir/\n", 0o600), nil},
		"any extension":     {"odmr-x", func(*testSite) {}, nil},
		"a program":         {"odmr", write(".qmail-default", "|maildrop\n", 0o600), nil},
		"qmail-start's":     {"odmr", func(s *testSite) { s.must(os.Truncate(s.path("home/odmr/.qmail-default"), 0)) }, nil},
		"nothing":           {"odmr", func(s *testSite) { s.must(os.Remove(s.path("home/odmr/.qmail-default"))) }, []string{"wrong example.org: has no .qmail-default"}},
		"somebody else":     {"eve", func(*testSite) {}, []string{"wrong example.org: has no .qmail-default"}},
		"an mbox":           {"odmr", write(".qmail-default", "./Mailbox\n", 0o600), []string{"wrong example.org: sends unknown addresses to another place"}},
		"it may be run":     {"odmr", write(".qmail-default", "./Maildir/\n", 0o700), []string{"wrong " + folder + "/.qmail-default: makes qmail-local hold all mail back"}},
		"a sticky folder":   {"odmr", func(s *testSite) { s.must(os.Chmod(s.path("home/odmr"), 0o700|os.ModeSticky)) }, []string{"wrong " + folder + ": is sticky, so qmail holds its mail back"}},
		"no tmp":            {"odmr", func(s *testSite) { s.must(os.Remove(s.path("home/odmr/Maildir/tmp"))) }, []string{"wrong " + folder + "/Maildir: cannot be delivered to by the domain's user"}},
		"more places":       {"odmr", write(".qmail-default", "./Maildir/\n&eve@example.net\n", 0o600), []string{"doubtful example.org: sends mail to more places than this mailbox"}},
		"another extension": {"odmr-x", write(".qmail-x-default", "&eve@example.net\n", 0o600), []string{"wrong example.org: sends unknown addresses to another place"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := plain(t, test.prefix)
			test.change(s)
			if diff := cmp.Diff(test.want, s.look()); diff != "" || !strings.Contains(s.out.String(), ": may have the mail of example.org\n") {
				t.Errorf("-want, +got:\n%s\n%s", diff, s.out.String())
			}
		})
	}
}

// Without qmail the program in QMAILQUEUE takes the bounces, and the lines say so.
func TestNoQmailButQmailqueue(t *testing.T) {
	s := good(t)
	s.run("-q $ROOT/qmail", "-q /nonexistent", "$ROOT/bin/vchkpw", "$ROOT/bin/vodmr-checkpw vpasswd")
	s.write("bin/vodmr-checkpw", "#!/bin/sh\n", 0o755)
	s.owned("service/vpasswd", login+":*:1:0::$ROOT/domains/example.org/odmr:-:"+secret+"\n", 0o600)
	s.must(os.Remove(s.path(domain + ".qmail-default")))
	s.write("service/env/QMAILQUEUE", s.path("bin/queue")+"\n", 0o644)
	s.write("bin/queue", "#!/bin/sh\n", 0o755)
	if diff := cmp.Diff([]string(nil), s.look()); diff != "" || !strings.Contains(s.out.String(), "bin/queue: takes bounces\n") {
		t.Errorf("%s\n%s", diff, s.out.String())
	}
}
