package setuser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/internal/safepath"
	"vodmr/qmail"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// A site has the domains example.org, of uid 47110 and with alias.example, and
// stranger.test, of uid 47111; the accounts ann and vpopmail; and example.org as
// vpopmail's default domain.
type site struct {
	t      *testing.T
	root   string
	home   qmail.Home
	passwd string
}

func newSite(t *testing.T) *site {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.OK(t, err)
	s := &site{t, root, qmail.OpenHome(root + "/qmail"), root + "/passwd"}
	testsite.Users(t, root+"/qmail",
		"+example.org-:example.org:47110:47120:"+root+"/domains/example.org:-::",
		"+alias.example-:example.org:47110:47120:"+root+"/domains/example.org:-::",
		"+stranger.test-:stranger.test:47111:47121:"+root+"/domains/stranger.test:-::")
	s.write("passwd", fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\nshort:x:1\nann:x:47112:47122:Ann:%s/ann:/bin/sh\n"+
		"bad:x:many:1::/:/bin/sh\nvpopmail:x:47110:47110::%[1]s/vpopmail:/bin/sh", root))
	s.write("vpopmail/etc/defaultdomain", "example.org\n")
	for dir, uid := range map[string]int{"domains/example.org/odmr": 47110, "domains/stranger.test/odmr": 47111, "ann": 47112} {
		require.OK(t, os.MkdirAll(root+"/"+dir, 0o755))
		if os.Getuid() == 0 {
			require.OK(t, os.Chown(root+"/"+dir, uid, uid))
		}
	}
	return s
}

func (s *site) write(name, text string) {
	testsite.Write(s.t, filepath.Join(s.root, name), text)
}

// TestWhoseMailboxItIs: users/cdb says so, or /etc/passwd; never HOME.
func TestWhoseMailboxItIs(t *testing.T) {
	s := newSite(t)
	org := Place{ID{47110, 47120}, s.root + "/domains/example.org", true}
	for _, test := range []struct {
		vpopuser, user string
		want           Place
	}{
		{"odmr@example.org", "odmr", org},
		{"Odmr@EXAMPLE.org", "odmr", org},
		{"odmr%example.org", "odmr", org},
		{"odmr/example.org", "odmr", org},
		{"a%stranger.test@example.org", "a", org}, // vchkpw takes the @ first
		{"odmr@alias.example", "odmr", org},
		{"odmr@stranger.test", "odmr", Place{ID{47111, 47121}, s.root + "/domains/stranger.test", true}},
		{"odmr", "odmr", org}, // by vpopmail's default domain
		{"ann", "ann", org},   // not the account: vpopmail's programs know none
		{"", "odmr@example.org", org},
		{"", "ann", Place{ID{47112, 47122}, s.root + "/ann", false}},
	} {
		login := Login{VPOPUser: test.vpopuser, User: test.user, Home: s.root + "/domains/stranger.test/odmr"}
		if got, err := find(s.home, login, s.passwd); got != test.want || err != nil {
			t.Errorf("%q, %q: %+v, %v", test.vpopuser, test.user, got, err)
		}
	}
}

// TestLoginsThatNobodyKnows are refused.
func TestLoginsThatNobodyKnows(t *testing.T) {
	s := newSite(t)
	for _, login := range []Login{
		{VPOPUser: "odmr@elsewhere.test"}, {VPOPUser: "odmr@example.org@stranger.test"}, {User: "eve"}, {User: "short"}, {User: ""}, {},
	} {
		if got, err := find(s.home, login, s.passwd); !errors.Is(err, ErrPlace) {
			t.Errorf("%+v: %+v, %v", login, got, err)
		}
	}
	if got, err := find(s.home, Login{User: "bad"}, s.passwd); err == nil {
		t.Errorf("a uid that is no number: %+v", got)
	}
	for _, text := range []string{"", "\nexample.org\n", "secret of root\n"} {
		s.write("vpopmail/etc/defaultdomain", text)
		_, err := find(s.home, Login{VPOPUser: "odmr"}, s.passwd)
		if !errors.Is(err, ErrPlace) || strings.Contains(err.Error(), "secret") {
			t.Errorf("default domain %q: %v", text, err)
		}
	}
	require.OK(t, os.Remove(s.root+"/vpopmail/etc/defaultdomain"))
	if got, err := find(s.home, Login{VPOPUser: "odmr"}, s.passwd); !errors.Is(err, ErrPlace) {
		t.Errorf("no default domain: %+v, %v", got, err)
	}
	require.OK(t, os.Chmod(s.root+"/qmail/users/cdb", 0o666))
	if got, err := find(s.home, Login{VPOPUser: "odmr@example.org"}, s.passwd); !errors.Is(err, qmail.ErrWritable) {
		t.Errorf("users/cdb open to all: %+v, %v", got, err)
	}
}

// TestHomeMustBeTheLogins: below the domain's directory, and of the domain's user.
func TestHomeMustBeTheLogins(t *testing.T) {
	require.Root(t, "to make folders of other users")
	s := newSite(t)
	org := s.root + "/domains/example.org"
	in := Place{ID{47110, 47120}, org, true}
	ann := Place{ID{47112, 47122}, s.root + "/ann", false}
	require.OK(t, os.MkdirAll(org+"/foreign", 0o755)) // root's
	require.OK(t, os.MkdirAll(org+"/other", 0o755))
	require.OK(t, os.MkdirAll(s.root+"/domains/neighbour.test", 0o755)) // of the same user, as with vpopmail
	require.OK(t, os.Chown(s.root+"/domains/neighbour.test", 47110, 47110))
	require.OK(t, os.Chown(org+"/other", 47111, 47111))
	require.OK(t, os.Symlink("../stranger.test/odmr", org+"/link"))
	require.OK(t, os.Symlink(s.root+"/domains", s.root+"/moved"))
	require.OK(t, os.Chown(org, 47110, 47110))
	moved := Place{in.ID, s.root + "/moved/example.org", true}
	for _, test := range []struct {
		place Place
		home  string
		want  error
	}{
		{in, org + "/odmr", nil},
		{in, org + "/odmr/", nil},
		{in, s.root + "/moved/example.org/odmr", nil},
		{moved, org + "/odmr", nil},
		{moved, s.root + "/moved/example.org/odmr", nil},
		{ann, s.root + "/ann", nil},
		{in, s.root + "/domains/stranger.test/odmr", ErrPlace},
		{in, s.root + "/domains/neighbour.test", ErrPlace},
		{in, s.root + "/ann", ErrPlace},
		{in, org, ErrPlace},
		{in, org + "/other", ErrPlace},
		{in, org + "/foreign", ErrRoot},
		{in, "/", ErrRoot},
		{in, org + "/../stranger.test/odmr", safepath.ErrParent},
		{in, org + "/link", safepath.ErrLink},
		{ann, org + "/odmr", ErrPlace},
		{ann, "ann", safepath.ErrRelative},
	} {
		if err := test.place.Check(test.home); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.home, err, test.want)
		}
	}
}
