package keeper

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/auth"
	"vodmr/internal/keyhash"
)

var credentials = auth.Credentials{
	Login: "odmr@example.org", Secret: "b913a602c7eda7a495b4e6e7334d3890", Challenge: "<1.2@mail>",
}

func TestEnviron(t *testing.T) {
	from := []string{
		"PATH=/bin", "TCPLOCALPORT=366", "TCPREMOTEIP=192.0.2.1",
		"VPOPUSER=x", "USER=x", "HOME=/x", "SHELL=/x",
		"SSLCTLFD=5", "SSLREADFD=6", "SSLWRITEFD=7",
		"VODMR_AUTHFD=9", "VODMR_EXTERNAL=x", "VODMR_HOST=x", "VODMR_SESSION=1", "VODMR_WINDOW=4", "USERS=kept",
	}
	p := Program{Environ: from, Host: "mail.example.net", Session: "4711", Port: "587"}
	want := []string{
		"PATH=/bin", "TCPREMOTEIP=192.0.2.1", "VODMR_WINDOW=4", "USERS=kept",
		"VODMR_HOST=mail.example.net", "VODMR_SESSION=4711", "VODMR_AUTHFD=4", "VODMR_TALKER=4712", "TCPLOCALPORT=587", "GOMAXPROCS=1",
	}
	if diff := cmp.Diff(want, p.environ(4712, "")); diff != "" {
		t.Error(diff)
	}
	p.Environ = append(from, "GOMAXPROCS=4")
	if got := value(p.environ(4712, ""), "GOMAXPROCS"); got != "4" {
		t.Errorf("GOMAXPROCS=%s, want the administrator's", got)
	}
	p.Port = ""
	if got := value(p.environ(4712, ""), "TCPLOCALPORT"); got != "366" {
		t.Errorf("TCPLOCALPORT=%s, want it left alone", got)
	}
}

// Only the TLS program's word makes EXTERNAL, and only our checkpassword program gets it.
func TestExternal(t *testing.T) {
	const digits = "0100000000000000000000000000000000000000000000000000000000000000"
	hash := keyhash.Hash{1}.String()
	for _, test := range []struct{ program, key, want string }{
		{"vodmr-checkpw", digits, hash},
		{"/usr/local/bin/vodmr-checkpw", digits, hash},
		{"/home/vpopmail/bin/vchkpw", digits, ""},
		{"sh", digits, ""},
		{"vodmr-checkpw", "", ""},
		{"vodmr-checkpw", digits[1:], ""},
		{"vodmr-checkpw", "forged", ""},
	} {
		p := Program{Argv: []string{test.program}, Environ: []string{"VODMR_EXTERNAL=" + hash, "SSL_CLIENT_KEY_SHA256=" + test.key, "SSL_PROTOCOL=TLSv1.3"}}
		if got := p.External(); got != test.want {
			t.Errorf("%s with key %q: %q", test.program, test.key, got)
		}
		if got := value(p.environ(1, ""), auth.ExternalVariable); got != "" {
			t.Errorf("%s: %q reaches a login by password", test.program, got)
		}
		if got := value(p.environ(1, hash), auth.ExternalVariable); got != hash {
			t.Errorf("%s: %q is handed on", test.program, got)
		}
	}
	clear := Program{Argv: []string{"vodmr-checkpw"}, Environ: []string{"SSL_CLIENT_KEY_SHA256=" + strings.Repeat("0", 64)}}
	if got := clear.External(); got != "" {
		t.Errorf("a key without TLS: %q", got)
	}
}
