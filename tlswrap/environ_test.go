package tlswrap

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
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

// Variables come over a pipe in any pieces, and only a whole list counts.
func TestReadVariables(t *testing.T) {
	list := []string{"SSL_PROTOCOL=TLSv1.3", "SSL_CLIENT_S_DN=", "SSL_CIPHER=x"}
	whole := encode(list)
	got, ok := readVariables(iotest.OneByteReader(bytes.NewReader(whole)))
	if !ok || !slices.Equal(got, list) {
		t.Errorf("got %q, %v, want %q", got, ok, list)
	}
	for n := range whole {
		if got, ok := readVariables(bytes.NewReader(whole[:n])); ok {
			t.Errorf("the first %d bytes are taken for %q", n, got)
		}
	}
	if _, ok := readVariables(strings.NewReader(strings.Repeat("x", maxVariables) + "\x00\x00")); ok {
		t.Error("a list without bounds was taken")
	}
}
