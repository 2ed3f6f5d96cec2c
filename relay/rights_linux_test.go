package relay_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"vodmr/qmail"
	"vodmr/relay"
	"vodmr/test/kit/captive"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// A session that a customer has taken over reaches its own mailbox, the door, and what says
// whose mail it may have, even if all mailboxes belong to one user.
func TestRights(t *testing.T) {
	root := testsite.PublicDir(t)
	home, other, elsewhere := root+"/a/odmr", root+"/b/odmr", root+"/linked/odmr"
	for _, dir := range []string{home, other} {
		testsite.Maildir(t, dir+"/Maildir")
		testsite.Write(t, dir+"/Maildir/new/1", "x\n")
	}
	require.OK(t, os.MkdirAll(elsewhere, 0o755))
	require.OK(t, os.Symlink(other+"/Maildir", elsewhere+"/Maildir"))
	for _, file := range []string{"qmail/control/me", "qmail/bin/secret", "rules/rules.cdb", "door/learnt", "logins/vpasswd", "logins/new", "vpasswd"} {
		require.OK(t, os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755))
		testsite.Write(t, filepath.Join(root, file), "x\n")
	}
	testsite.Users(t, root+"/qmail", testsite.Line("a.example", "a.example", testsite.User(), root+"/a"),
		testsite.Line("b.example", "b.example", testsite.User(), root+"/b"))
	testsite.Catchall(t, root+"/a", home)
	env := map[string]string{"VODMR_DOOR": root + "/door"}
	config := relay.Config{
		Login: "odmr@a.example", Home: home, Maildir: "Maildir", Qmail: qmail.OpenHome(root + "/qmail"),
		Environ: func(name string) string { return env[name] },
	}
	self := fmt.Sprint(os.Getpid())
	captive.Try(t, config.Rights(), [][3]string{
		{"read", home + "/Maildir/new", captive.May}, {"read", home + "/Maildir/new/1", captive.May},
		{"write", home + "/Maildir/vodmr.lock", captive.May}, {"remove", home + "/Maildir/new/1", captive.May},
		{"write", home + "/.ssh", captive.Not}, {"read", root + "/a/.qmail-default", captive.May}, {"write", root + "/a/.qmail-default", captive.Not},
		{"write", root + "/door/a.example", captive.May},
		{"read", other + "/Maildir/new/1", captive.Not}, {"read", other + "/Maildir/new", captive.Not}, {"remove", other + "/Maildir/new/1", captive.Not},
		{"read", root + "/b/.qmail-default", "no such file or directory"},
		{"read", root + "/qmail/control/me", captive.May}, {"write", root + "/qmail/control/me", captive.Not},
		{"read", root + "/qmail/users/cdb", captive.May}, {"read", root + "/qmail/bin/secret", captive.Not},
		{"read", "/etc/passwd", captive.Not}, {"write", "/tmp/captive", captive.Not},
		{"connect", "127.0.0.1:1", captive.Never}, {"listen", "-", captive.Never},
		{"run", "/bin/true", captive.Never}, {"become", "/bin/true", captive.Never}, {"fork", "-", captive.Never},
		{"trace", self, captive.Never}, {"memory", self, captive.Never}, {"signal", self, captive.Never}, {"thread", "-", captive.May},
	})
	// A Maildir that is a link of the owner's gives no right to where that leads.
	config.Home = elsewhere
	captive.Try(t, config.Rights(), [][3]string{{"read", other + "/Maildir/new/1", captive.Not}})
	// With rules, the folder that they are renamed into is read, and so are other domains.
	config.Home, config.Rules = home, root+"/rules/rules.cdb"
	captive.Try(t, config.Rights(), [][3]string{{"read", config.Rules, captive.May}, {"write", config.Rules, captive.Not}})
	// The file of logins may have a folder of its own, which new ones are renamed into.
	env["VODMR_LOGINS"] = root + "/logins/vpasswd"
	captive.Try(t, config.Rights(), [][3]string{
		{"read", root + "/logins/vpasswd", captive.May}, {"read", root + "/logins/new", captive.May}, {"write", root + "/logins/new", captive.Not},
		{"read", config.Rules, captive.May}, {"read", root + "/vpasswd", captive.Not},
	})
	// If the mailboxes are below that folder, it gives no right to them.
	env["VODMR_LOGINS"] = root + "/vpasswd"
	captive.Try(t, config.Rights(), [][3]string{{"read", root + "/vpasswd", captive.May}, {"read", other + "/Maildir/new/1", captive.Not}})
	// A HOME that is another's gives no right at all.
	config.Refused = os.ErrPermission
	captive.Try(t, config.Rights(), [][3]string{{"read", home + "/Maildir/new", captive.Not}, {"read", root + "/qmail/control/me", captive.Not}})
}
