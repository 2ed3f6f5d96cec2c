package keeper

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/auth"
)

var credentials = auth.Credentials{
	Login: "odmr@example.org", Secret: "b913a602c7eda7a495b4e6e7334d3890", Challenge: "<1.2@mail>",
}

func TestEnviron(t *testing.T) {
	from := []string{
		"PATH=/bin", "TCPLOCALPORT=366", "TCPREMOTEIP=192.0.2.1",
		"VPOPUSER=x", "USER=x", "HOME=/x", "SHELL=/x",
		"SSLCTLFD=5", "SSLREADFD=6", "SSLWRITEFD=7",
		"VODMR_AUTHFD=9", "VODMR_HOST=x", "VODMR_SESSION=1", "VODMR_WINDOW=4", "USERS=kept",
	}
	p := Program{Environ: from, Host: "mail.example.net", Session: "4711", Port: "587"}
	want := []string{
		"PATH=/bin", "TCPREMOTEIP=192.0.2.1", "VODMR_WINDOW=4", "USERS=kept",
		"VODMR_HOST=mail.example.net", "VODMR_SESSION=4711", "VODMR_AUTHFD=4", "VODMR_TALKER=4712", "TCPLOCALPORT=587", "GOMAXPROCS=1",
	}
	if diff := cmp.Diff(want, p.environ(4712)); diff != "" {
		t.Error(diff)
	}
	p.Environ = append(from, "GOMAXPROCS=4")
	if got := value(p.environ(4712), "GOMAXPROCS"); got != "4" {
		t.Errorf("GOMAXPROCS=%s, want the administrator's", got)
	}
	p.Port = ""
	if got := value(p.environ(4712), "TCPLOCALPORT"); got != "366" {
		t.Errorf("TCPLOCALPORT=%s, want it left alone", got)
	}
}
