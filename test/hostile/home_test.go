package hostile

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/require"
)

// newRootsSite makes a site with a chain that runs as root, because vchkpw stays root
// if it is told port 587. The owner of example.org is the attacker. The victim is
// stranger.test, and its mail belongs to the uid other.
func newRootsSite(t *testing.T, other int) *site {
	t.Helper()
	require.Root(t, "vchkpw must stay root")
	s := newSite(t, "30")
	assign := fmt.Sprintf("+example.org-:example.org:%d:%d:%s:-::\n+alias.example-:example.org:%[1]d:%[2]d:%[3]s:-::\n"+
		"+stranger.test-:stranger.test:%d:%[4]d:%s:-::\n", s.uid, s.gid, s.path("domains/example.org"), other, s.path("domains/stranger.test"))
	s.write(t, "qmail/users/cdb", string(cdbmake.Assign(assign)))
	roots := []string{"", "qmail", "qmail/users", "qmail/users/cdb", "qmail/control", "domains"}
	for name := range s.mail {
		if strings.HasPrefix(name, "domains/stranger.test/") {
			s.give(t, name, other)
		}
	}
	for _, name := range []string{"", "/odmr", "/odmr/Maildir", "/odmr/Maildir/new", "/odmr/Maildir/cur", "/odmr/Maildir/tmp"} {
		s.give(t, "domains/stranger.test"+name, other)
	}
	for _, name := range roots {
		s.give(t, name, 0)
	}
	for _, name := range []string{"me", "virtualdomains", "timeoutremote"} {
		s.give(t, "qmail/control/"+name, 0)
		require.OK(t, os.Chmod(s.path("qmail/control/"+name), 0o644))
	}
	require.OK(t, os.Chmod(s.path("qmail/users/cdb"), 0o644))
	require.OK(t, os.Mkdir(s.path("vpopmail"), 0o755)) // as vchkpw sees the domains
	for name, folder := range map[string]string{"example.org": "example.org", "alias.example": "example.org"} {
		require.OK(t, os.Symlink("../domains/"+folder, s.path("vpopmail/"+name)))
	}
	s.uid, s.gid = 0, 0
	return s
}

func (s *site) give(t *testing.T, name string, uid int) {
	t.Helper()
	require.OK(t, os.Lchown(s.path(name), uid, uid))
}

// vpasswd writes the passwords of example.org, as the domain's owner can do: dir is
// the folder of odmr.
func (s *site) vpasswd(t *testing.T, dir string) {
	t.Helper()
	s.write(t, "domains/example.org/vpasswd", "odmr::1:0:x:"+dir+":NOQUOTA:tanstaaf\n")
	s.give(t, "domains/example.org/vpasswd", 4711)
	s.give(t, "domains/example.org", 4711)
}

// fetches runs a session of a login and returns the log.
func (s *site) fetches(t *testing.T, dialogue string) string {
	t.Helper()
	log, err := os.Create(s.path("log"))
	require.OK(t, err)
	defer log.Close()
	var peers []*peer
	play(t, dialogue, func() *peer {
		p := s.dial(t, config{checkpw: "vchkpw", env: []string{"VCHKPW_DEFAULT_DOMAIN=example.org", "VCHKPW_DOMAINS=" + s.path("vpopmail")}}, log)
		peers = append(peers, p)
		return p
	})
	sections := map[string]string{}
	if strings.Contains(dialogue, "OWN-") {
		sections["sent"], sections["left"] = "OWN-1", "OWN-2 OWN-3"
	}
	s.checkMail(t, sections, peers)
	s.checkLog(t, sections, peers)
	text, err := os.ReadFile(s.path("log"))
	require.OK(t, err)
	return string(text)
}

const (
	login   = "S: 220 *\nLOGIN %s tanstaaf\nS: 235 *\nC: ATRN\n"
	refused = login + "S: 451 4.3.0 *\nC: QUIT\nS: 221 *\nS: <end>\n"
	// fetched takes one of three messages.
	fetched = login + "S: 250 *\nC: 220 c.test\nS: EHLO *\nC: 250 c.test\nS: MAIL *\nC: 250 ok\nS: RCPT *\nC: 250 ok\nS: DATA\nC: 354 go\n" +
		"S* Subject: OWN-1\nS* .\nC: 250 ok\nS* MAIL *\nC: 421 enough\nS* <end>\n"
)

// TestHomeOfAnother: the owner of a domain, who can write any folder into its
// vpasswd, gets no mail of another customer, no matter how the path or the login is
// written, and cannot create anything there.
func TestHomeOfAnother(t *testing.T) {
	for _, test := range []struct{ name, login, dir, log string }{
		{"another domain's user", "odmr@example.org", "DOMAINS/stranger.test/odmr", "is not the mailbox of this login"},
		{"with .. in the path", "odmr@example.org", "DOMAINS/example.org/../stranger.test/odmr", "may not have .. in its path"},
		{"an account outside the domains", "odmr@example.org", "ROOT/account", "is not the mailbox of this login"},
		{"an alias domain's login", "odmr@alias.example", "DOMAINS/stranger.test/odmr", "is not the mailbox of this login"},
		{"with another separator", "odmr%example.org", "DOMAINS/stranger.test/odmr", "is not the mailbox of this login"},
		{"a login without a domain", "odmr", "DOMAINS/stranger.test/odmr", "VPOPUSER has no domain"},
		{"a link in the middle", "odmr@example.org", "DOMAINS/example.org/links/middle/odmr", "is a symbolic link"},
		{"a link at the end", "odmr@example.org", "DOMAINS/example.org/links/end", "is a symbolic link"},
		{"a relative path", "odmr@example.org", "domains/stranger.test/odmr", "is a relative path"},
	} {
		for _, other := range []int{4712, 4711} { // the second is the attacker's own, as vpopmail has it
			t.Run(fmt.Sprint(test.name, ", uid ", other), func(t *testing.T) {
				s := newRootsSite(t, other)
				s.attack(t, strings.NewReplacer("DOMAINS", s.path("domains"), "ROOT", s.dir).Replace(test.dir))
				log := s.fetches(t, fmt.Sprintf(refused, test.login))
				if !strings.Contains(log, "vodmr-relay: ") || !strings.Contains(log, test.log) {
					t.Errorf("the log does not say %q:\n%s", test.log, log)
				}
				for _, dir := range []string{"domains/stranger.test/odmr", "account"} {
					if _, err := os.Lstat(s.path(dir + "/Maildir/vodmr.lock")); !os.IsNotExist(err) {
						t.Errorf("something was made in %s: %v", dir, err)
					}
				}
			})
		}
	}
}

// attack makes dir the folder of example.org's odmr. It also makes links to the victim's
// folders, and an account of the attacker outside the domains.
func (s *site) attack(t *testing.T, dir string) {
	t.Helper()
	s.vpasswd(t, dir)
	for _, name := range []string{"account", "account/Maildir", "account/Maildir/new", "account/Maildir/cur", "domains/example.org/links"} {
		require.OK(t, os.Mkdir(s.path(name), 0o755))
		s.give(t, name, 4711)
	}
	for name, target := range map[string]string{"middle": "../../stranger.test", "end": "../../stranger.test/odmr"} {
		require.OK(t, os.Symlink(target, s.path("domains/example.org/links/"+name)))
		s.give(t, "domains/example.org/links/"+name, 4711)
	}
}

// TestHomeOfOneself: correct set-ups work with a checkpassword program that stays
// root: the login of an alias domain, and domains in folders that are links of root.
func TestHomeOfOneself(t *testing.T) {
	for _, test := range []struct{ name, login, dir string }{
		{"its own folder", "odmr@example.org", "DOMAINS/example.org/odmr"},
		{"in capitals", "Odmr@Example.ORG", "DOMAINS/example.org/odmr"},
		{"an alias domain's login", "odmr@alias.example", "DOMAINS/example.org/odmr"},
		{"with another separator", "odmr%example.org", "DOMAINS/example.org/odmr"},
		{"by root's link", "odmr@example.org", "ROOT/moved/example.org/odmr"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newRootsSite(t, 4712)
			require.OK(t, os.Symlink("domains", s.path("moved")))
			s.vpasswd(t, strings.NewReplacer("DOMAINS", s.path("domains"), "ROOT", s.dir).Replace(test.dir))
			s.fetches(t, fmt.Sprintf(fetched, test.login))
		})
	}
}
