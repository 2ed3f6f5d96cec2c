package locate

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"vodmr/qmail"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

func TestFindsVpopmailsMailboxes(t *testing.T) {
	root := t.TempDir()
	domain := root + "/domains/example.org"
	assign := testsite.Line("example.org", "example.org", 89, domain)
	testsite.Users(t, root, assign)
	testsite.Write(t, domain+"/vpasswd", "odmr:x:1:0:o:"+domain+"/odmr:NOQUOTA:s\n"+
		"late:x:1:0:l:"+domain+"/0/late:NOQUOTA:s\n"+
		"away:x:1:0:a:/home/ann:NOQUOTA:s\n"+
		"up:x:1:0:u:"+domain+"/../other.example/up:NOQUOTA:s\n"+
		"damaged line\n")
	for login, want := range map[string]string{
		"odmr@example.org": domain + "/odmr",
		"Late@Example.ORG": domain + "/0/late",
		"none@example.org": domain + "/none",
		"away@example.org": domain + "/away",
		"up@example.org":   domain + "/up",
	} {
		place, err := Find(qmail.OpenHome(root), login)
		if err != nil || place.Home != want || place.Owned != want || place.Maildir != "Maildir" || place.Login != login {
			t.Errorf("%s: %+v, %v; want %s", login, place, err, want)
		}
	}
	for _, login := range []string{"@example.org", "..@example.org", "a@elsewhere.example"} {
		if place, err := Find(qmail.OpenHome(root), login); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %+v, %v", login, place, err)
		}
	}
}

// A front without qmail has its logins in the site's vpasswd.
func TestFindsListedMailboxes(t *testing.T) {
	root := t.TempDir()
	uid, gid := os.Getuid(), os.Getgid()
	text := fmt.Sprintf("# logins\nexample.org:x:%d:%d:o:/var/lib/vodmr/example.org:NOQUOTA:s\nodmr@example.org:x:%[1]d:%[2]d::/var/lib/vodmr/odmr/:NOQUOTA:s\n", uid, gid)
	testsite.Write(t, root+"/vpasswd", text)
	require.OK(t, os.Chmod(root+"/vpasswd", 0o600))
	site := qmail.OpenHome(root)
	for _, login := range []string{"odmr@example.org", "Odmr@Example.ORG"} {
		place, err := Find(site, login)
		if err != nil || place.Home != "/var/lib/vodmr/odmr" || place.Login != login || place.Maildir != "Maildir" {
			t.Errorf("%s: %+v, %v", login, place, err)
		}
	}
	if place, err := Find(site, "nobody@example.org"); !errors.Is(err, ErrUnknown) {
		t.Errorf("%+v, %v", place, err)
	}
	for _, mode := range []os.FileMode{0o660, 0o602} {
		require.OK(t, os.Chmod(root+"/vpasswd", mode))
		if place, err := Find(site, "odmr@example.org"); !errors.Is(err, qmail.ErrWritable) {
			t.Errorf("mode %o: %+v, %v", mode, place, err)
		}
	}
}

// VODMR_MTA is the service's if nobody has set it.
func TestEnviron(t *testing.T) {
	root := t.TempDir()
	get := Environ(qmail.OpenHome(root))
	t.Setenv("VODMR_HOST", "mail.example.org")
	if got := get("VODMR_MTA") + get("VODMR_HOST"); got != "mail.example.org" {
		t.Errorf("without a service: %q", got)
	}
	testsite.Write(t, root+"/env/VODMR_MTA", "postfix \nmore\n")
	if got := get("VODMR_MTA"); got != "postfix" {
		t.Errorf("the service's: %q", got)
	}
	t.Setenv("VODMR_MTA", "exim")
	if got := get("VODMR_MTA"); got != "exim" {
		t.Errorf("set by hand: %q", got)
	}
}
