package rights_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"vodmr/internal/rights"
	"vodmr/test/kit/captive"
	"vodmr/test/kit/require"
)

// What is outside a process's rights fails, and what is inside them works.
func TestRights(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"mine/new", "mine/cur", "others", "site"} {
		require.OK(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, file := range []string{"mine/new/1", "others/1", "site/me", "site/gone"} {
		require.OK(t, os.WriteFile(filepath.Join(root, file), nil, 0o666))
	}
	require.OK(t, os.Symlink(root+"/others", root+"/link"))
	inside, outside := listener(t), listener(t)
	other := exec.Command("sleep", "600")
	require.OK(t, other.Start())
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	pid := fmt.Sprint(other.Process.Pid)
	port := inside.Addr().(*net.TCPAddr).Port
	keeps := rights.Rights{Read: []string{root + "/site", root + "/missing"}, Write: []string{root + "/mine", root + "/link"}, Connect: []int{port}}

	attempts := [][3]string{
		{"read", root + "/mine/new/1", captive.May}, {"write", root + "/mine/cur/1", captive.May}, {"remove", root + "/mine/new/1", captive.May},
		{"read", root + "/site/me", captive.May}, {"read", root + "/site", captive.May},
		{"write", root + "/site/me", captive.Not}, {"write", root + "/site/new", captive.Not}, {"remove", root + "/site/me", captive.Not},
		{"read", root + "/others/1", captive.Not}, {"read", root + "/link/1", captive.Not}, {"write", root + "/others/2", captive.Not},
		{"read", "/etc/passwd", captive.Not}, {"read", "/", captive.Not}, {"write", "/tmp/captive", captive.Not}, {"read", "/proc/self/mem", captive.Not},
		{"connect", inside.Addr().String(), captive.May}, {"connect", outside.Addr().String(), captive.Not}, {"listen", "-", captive.Not},
		{"run", "/bin/true", captive.Never}, {"become", "/bin/true", captive.Never}, {"fork", "-", captive.Never},
		{"trace", pid, captive.Never}, {"memory", pid, captive.Never}, {"signal", pid, captive.Never}, {"thread", "-", captive.May},
	}
	captive.Try(t, keeps, attempts)
	// Without a port there are no connections, nor sockets for them.
	keeps.Connect = nil
	captive.Try(t, keeps, [][3]string{
		{"connect", inside.Addr().String(), captive.Never}, {"listen", "-", captive.Never}, {"thread", "-", captive.May},
	})
}

func listener(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.OK(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// A process without any right, as vodmr's talker is, opens nothing at all, even as root.
func TestNoRights(t *testing.T) {
	captive.Try(t, rights.Rights{}, [][3]string{
		{"read", "/etc/passwd", captive.Not}, {"read", "/", captive.Not}, {"write", "/tmp/captive", captive.Not},
		{"connect", "127.0.0.1:1", captive.Never}, {"become", "/bin/true", captive.Never}, {"fork", "-", captive.Never},
		{"thread", "-", captive.May},
	})
}
