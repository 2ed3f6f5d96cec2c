package locate

import (
	"errors"
	"testing"

	"vodmr/qmail"
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
