package tlswrap

import (
	"slices"
	"strings"
	"testing"
)

func TestCleanEnviron(t *testing.T) {
	got := CleanEnviron([]string{"PATH=/bin", "SSL_PROTOCOL=x", "SSL_=x", "SSL_NEW", "SSLCTLFD=3", "SSLREADFD=4",
		"SSLWRITEFD=5", "SSLX=kept", "MY_SSL_X=kept", "ssl_x=kept", "A=SSL_B=kept"})
	want := []string{"PATH=/bin", "SSLX=kept", "MY_SSL_X=kept", "ssl_x=kept", "A=SSL_B=kept"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHostName(t *testing.T) {
	for name, want := range map[string]bool{
		"mail.example.net": true, "MAIL-1.example.net": true, "_a.b": true, "192.0.2.1": true,
		strings.Repeat("a", 255): true, strings.Repeat("a", 256): false,
		"": false, "a\x00B=c": false, "a\nb": false, "a b": false, "a=b": false, "é": false, "[::1]": false,
	} {
		if got := hostName(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}
