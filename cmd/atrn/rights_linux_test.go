package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"vodmr/test/kit/captive"
	"vodmr/test/kit/require"
)

// An atrn that a provider has taken over reaches the provider, the mail server here and
// the Maildir, and nothing else.
func TestRights(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"box/new", "box/tmp", "other/new"} {
		require.OK(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	require.OK(t, os.WriteFile(root+"/other/new/1", nil, 0o644))
	secret := passfile(t, 0o600)
	provider, server, stranger := listen(t), listen(t), listen(t)
	self := fmt.Sprint(os.Getpid())
	for _, test := range []struct {
		args     []string
		attempts [][3]string
	}{
		{[]string{"-s", server}, [][3]string{{"connect", server, captive.May}, {"write", root + "/box/new/1", captive.Not}}},
		{[]string{"-m", root + "/box"}, [][3]string{{"connect", server, captive.Not}, {"write", root + "/box/new/1", captive.May},
			{"remove", root + "/box/new/1", captive.May}, {"read", root + "/other/new/1", captive.Not}}},
	} {
		o := parsed(t, append([]string{"-u", "u", "-p", secret, provider}, test.args...))
		keeps, ok := o.rights()
		if !ok {
			t.Fatalf("%q: not confined", test.args)
		}
		captive.Try(t, keeps, append(test.attempts, [][3]string{
			{"connect", provider, captive.May}, {"connect", stranger, captive.Not}, {"listen", "-", captive.Not},
			{"read", "/etc/hosts", captive.May}, {"write", "/etc/hosts", captive.Not}, {"read", secret, captive.Not},
			{"read", "/", captive.Not}, {"read", "/proc/self/environ", captive.Not}, {"write", root + "/new", captive.Not},
			{"run", "/bin/true", captive.Never}, {"become", "/bin/true", captive.Never}, {"fork", "-", captive.Never},
			{"trace", self, captive.Never}, {"memory", self, captive.Never}, {"signal", self, captive.Never},
			{"thread", "-", captive.May},
		}...))
	}
	for _, args := range [][]string{{provider, "true"}, {"-e", "true", "-m", root + "/box"}} {
		o := parsed(t, append([]string{"-u", "u", "-p", secret}, args...))
		if _, ok := o.rights(); ok {
			t.Errorf("%q: confined, so its program could not run", args)
		}
	}
}

func listen(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.OK(t, err)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func parsed(t *testing.T, args []string) *flags {
	raw, err := parseFlags(args)
	require.OK(t, err)
	o, err := raw.parse()
	require.OK(t, err)
	return o
}
