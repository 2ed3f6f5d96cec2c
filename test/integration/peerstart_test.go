package integration

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/overlay"
	"vodmr/test/kit/require"
)

// A running peer is a customer's mail server of its own, below a temporary folder.
type running struct {
	dir  string
	port string      // on 127.0.0.1
	idle func() bool // it has delivered what it took; nil for at once
	kept string      // the Maildir that it keeps all mail in
}

// newRunning makes the folder of a peer, and a Maildir there that anybody may write.
func newRunning(t testing.TB) *running {
	t.Helper()
	r := &running{dir: publicDir(t)}
	r.kept = filepath.Join(r.dir, "kept")
	for _, sub := range []string{"", "tmp", "new", "cur"} {
		account{os.Geteuid(), os.Getegid()}.mkdir(t, filepath.Join(r.kept, sub), 0o777)
	}
	return r
}

// newInstalled makes the folder of a peer that asInstalled runs.
func newInstalled(t testing.TB) *running {
	t.Helper()
	require.Root(t, "only root makes a tree for a server that must be installed")
	r := newRunning(t)
	installed.owns(t, r.kept, r.kept+"/tmp", r.kept+"/new", r.kept+"/cur")
	return r
}

// file writes a file of the peer, which all may read, and gives its path. DIR in it
// means the peer's folder and PORT its port.
func (r *running) file(t testing.TB, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	text = strings.NewReplacer("@DIR@", r.dir, "@PORT@", r.port).Replace(text)
	account{os.Geteuid(), os.Getegid()}.write(t, path, text, mode)
	return path
}

// unpacked gives the folder that scripts/test unpacked a package into.
func unpacked(t testing.TB, name string) string {
	t.Helper()
	dir, err := overlay.Package(name)
	if err != nil {
		require.Skip(t, "%v", err)
	}
	return dir
}

// saysPort starts a server that says on its first line which port it listens on.
func (r *running) saysPort(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(r.dir, "log")
	startOther(t, cmd, log)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		showLog(t, log)
		t.Fatalf("%s names no port: %v", cmd.Path, err)
	}
	r.port = strings.TrimSpace(line)
}

// onPort starts a server on the peer's port and waits for its greeting.
func (r *running) onPort(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	log := filepath.Join(r.dir, "log")
	startOther(t, cmd, log)
	for end := time.Now().Add(time.Minute); !greets(r.port); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not greet", cmd.Path)
		}
	}
}

// greets reports if a server on 127.0.0.1 says 220.
func greets(port string) bool {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	greeting, err := bufio.NewReader(conn).ReadString('\n')
	_, _ = conn.Write([]byte("QUIT\r\n"))
	return err == nil && strings.HasPrefix(greeting, "220")
}

// asInstalled is a command for a server that only runs where it is installed, under
// users that it knows by name; see package overlay.
func (r *running) asInstalled(t testing.TB, name string, argv ...string) *exec.Cmd {
	t.Helper()
	tree := overlay.Tree{Dir: r.dir, Packages: []string{unpacked(t, name)}, Host: "customer.example"}
	for _, user := range []string{"Debian-exim", "opensmtpd", "opensmtpq"} {
		tree.Accounts = append(tree.Accounts, fmt.Sprintf("%s:%d:/nonexistent", user, installed.uid))
	}
	cmd, err := tree.Command(argv...)
	if errors.Is(err, overlay.ErrMissing) {
		require.Skip(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

// installed is the user that asInstalled makes.
var installed = account{4720, 4720}
