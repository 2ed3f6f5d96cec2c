package qmail

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const domains = "/home/vpopmail/domains/"

var exampleOrg = Domain{"example.org", 89, 89, domains + "example.org"}

func users(t testing.TB, cdb string) *Users {
	t.Helper()
	u, err := home(t, map[string]string{"users/cdb": cdb}).Users()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

func TestDomain(t *testing.T) {
	u := users(t, readFixture(t, "users/cdb"))
	tests := []struct {
		name string
		want Domain
	}{
		{"example.org", exampleOrg},
		{"EXAMPLE.org", exampleOrg},
		{"alias.example", exampleOrg}, // an alias domain means its real domain
		{"fwd.example", Domain{"fwd.example", 89, 89, domains + "fwd.example"}},
		{"none.example", Domain{}},
		{"example.org-", Domain{}},
		{"example.or\u212a", Domain{}},
		{"", Domain{}},
	}
	for _, tt := range tests {
		if d, found, err := u.Domain(tt.name); d != tt.want || found != (tt.want.Name != "") || err != nil {
			t.Errorf("Domain(%q) = %+v, %v, %v", tt.name, d, found, err)
		}
	}
}

func TestHolding(t *testing.T) {
	u := users(t, readFixture(t, "users/cdb"))
	tests := []struct{ home, want string }{
		{domains + "example.org/odmr", "example.org"},
		{domains + "example.org/3/odmr/", "example.org"},
		{domains + "example.org", "example.org"},
		{domains + "quota.example/./x/../eve", "quota.example"},
		{domains + "example.organic/odmr", ""}, // not a path boundary
		{domains + "example.org/../else", ""},
		{"/home/vpopmail", ""},
		{"/", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if d, found, err := u.Holding(tt.home); d.Name != tt.want || found != (tt.want != "") || err != nil {
			t.Errorf("Holding(%q) = %+v, %v, %v", tt.home, d, found, err)
		}
	}
}

func TestHoldingChoosesAmongEntries(t *testing.T) {
	u := users(t, makeCDB([]record{
		domainEntry("inner.example", "inner.example", "/d/outer.example/inner/"),
		domainEntry("outer.example", "Outer.Example", "/d/outer.example"),
		domainEntry("joe", "joe", "/d/outer.example/inner/joe"),                              // a system user
		{"!exact.example\x00", domainEntry("", "exact.example", "/d/outer.example/x").value}, // no wildcard
		domainEntry("root.example", "root.example", "/"),
		domainEntry("relative.example", "relative.example", "d/rel"),
		{"", "-"},
	}))
	tests := []struct{ home, want string }{
		{"/d/outer.example/inner/joe", "inner.example"}, // the longest directory wins
		{"/d/outer.example/x", "outer.example"},
		{"/d/other", ""},
		{"d/rel/x", ""},
	}
	for _, tt := range tests {
		if d, _, err := u.Holding(tt.home); d.Name != tt.want || err != nil {
			t.Errorf("Holding(%q) = %+v, %v", tt.home, d, err)
		}
	}
	if d, found, err := u.Domain("joe"); found || err != nil {
		t.Errorf("a system user is a domain: %+v, %v", d, err)
	}
}

// realDir is a temporary directory without symlinks in its path.
func realDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func mkdirAndLink(t *testing.T, dir, link string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
}

func TestHoldingBehindASymlink(t *testing.T) {
	dir := realDir(t)
	mkdirAndLink(t, dir+"/domains/example.org/odmr", dir+"/odmr")
	u := users(t, makeCDB([]record{domainEntry("example.org", "example.org", dir+"/domains/example.org")}))
	if d, found, err := u.Holding(dir + "/odmr"); d.Name != "example.org" || !found || err != nil {
		t.Errorf("%+v, %v, %v", d, found, err)
	}
}

func TestUsersAbsent(t *testing.T) {
	u, err := home(t, nil).Users()
	if err != nil {
		t.Fatal(err)
	}
	if _, found, err := u.Domain("example.org"); found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	if _, found, err := u.Holding("/home"); found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	if err := u.Close(); err != nil {
		t.Error(err)
	}
}

func TestUsersDamaged(t *testing.T) {
	if _, err := home(t, map[string]string{"users/cdb": "short"}).Users(); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
	for _, value := range []string{
		"bad.example", "bad.example\x001\x002\x00/dir\x00-", "bad.example\x00x\x002\x00/dir\x00-\x00",
		"bad.example\x001\x00-2\x00/dir\x00-\x00", "bad.example\x001\x004294967296\x00/dir\x00-\x00",
		"bad.example\x001\x002\x00\x00-\x00",
	} {
		u := users(t, makeCDB([]record{{"!bad.example-", value}}))
		_, _, err1 := u.Domain("bad.example")
		_, found, err2 := u.Holding("/dir")
		if !errors.Is(err1, ErrDamaged) || !errors.Is(err2, ErrDamaged) || found || !strings.Contains(err1.Error(), "users/cdb") {
			t.Errorf("%q: %v, %v", value, err1, err2)
		}
	}
}
