package tlswrap

import (
	"slices"
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
