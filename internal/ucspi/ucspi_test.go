package ucspi

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// Variables come over a pipe in any pieces, and only a whole list counts.
func TestReadList(t *testing.T) {
	list := []string{"SSL_PROTOCOL=TLSv1.3", "SSL_CLIENT_S_DN=", "SSL_CIPHER=x"}
	whole := Encode(list)
	got, err := ReadList(iotest.OneByteReader(bytes.NewReader(whole)))
	if err != nil || !slices.Equal(got, list) {
		t.Errorf("got %q, %v, want %q", got, err, list)
	}
	for n := range whole {
		if got, err := ReadList(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("the first %d bytes are taken for %q", n, got)
		}
	}
	if _, err := ReadList(strings.NewReader(strings.Repeat("x", MaxList) + "\x00\x00")); err == nil {
		t.Error("a list without bounds was taken")
	}
}

// Only what is about TLS is believed; an empty list is one.
func TestReadListTakesNothingElse(t *testing.T) {
	for text, want := range map[string][]string{
		"\x00": nil, "HOME=/forged\x00SSLCTLFD=9\x00\x00": nil, "PATH=x\x00SSL_CIPHER=y\x00\x00": {"SSL_CIPHER=y"},
	} {
		if got, err := ReadList(strings.NewReader(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestCleanEnviron(t *testing.T) {
	got := CleanEnviron([]string{"PATH=/bin", "SSL_PROTOCOL=x", "SSL_=x", "SSL_NEW", "SSLCTLFD=3", "SSLREADFD=4",
		"SSLWRITEFD=5", "SSLX=kept", "MY_SSL_X=kept", "ssl_x=kept", "A=SSL_B=kept"})
	want := []string{"PATH=/bin", "SSLX=kept", "MY_SSL_X=kept", "ssl_x=kept", "A=SSL_B=kept"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
