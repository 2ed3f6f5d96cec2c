package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// sessionLimit is the longest that a customer's session may take here.
const sessionLimit = 2 * time.Minute

// atrn makes one visit at the provider and gives atrn's exit code and words.
// The arguments say where the mail goes.
func (s *site) atrn(t testing.TB, p *provider, args ...string) (code int, output string) {
	t.Helper()
	command := append([]string{"-u", s.login, "-p", s.passfile}, s.trust...)
	// Flags come before the provider, a program after it.
	if args[0][0] == '-' {
		command = append(append(command, args...), p.addr())
	} else {
		command = append(append(command, p.addr()), args...)
	}
	return run(t, sessionLimit, exec.Command(program(t, "atrn"), command...))
}

// mustFetch makes a visit that must go well.
func (s *site) mustFetch(t testing.TB, p *provider, args ...string) {
	t.Helper()
	if code, output := s.atrn(t, p, args...); code != 0 {
		t.Fatalf("atrn exits %d: %s", code, output)
	}
}

// fetchmail makes one visit by fetchmail, which hands the mail to a server on
// 127.0.0.1.
func (s *site) fetchmail(t testing.TB, p *provider, smtpPort string) (code int, output string) {
	t.Helper()
	command := require.Program(t, "fetchmail")
	home := t.TempDir()
	rc := filepath.Join(home, "fetchmailrc")
	// Options of the server come before the user's.
	line := fmt.Sprintf("poll %s protocol ODMR service %s auth cram-md5 username %q password %q "+
		"%s fetchdomains %s smtphost 127.0.0.1/%s\n", p.ip, p.port, s.login, s.password, s.ssl, s.domain, smtpPort)
	if err := os.WriteFile(rc, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := withFullName(command, "-f", rc, "--nodetach", "--nosyslog", "-v",
		"--pidfile", filepath.Join(home, "pid"))
	cmd.Env = append(os.Environ(), "FETCHMAILHOME="+home, "HOME="+home)
	return run(t, sessionLimit, cmd)
}

// withFullName returns a command that takes this machine for one with a full name, if it
// may: fetchmail ends at once if that name has no dot and does not resolve.
func withFullName(argv ...string) *exec.Cmd {
	named := []string{"--uts", "sh", "-c", `hostname customer.example && exec "$@"`, "sh"}
	if exec.Command("unshare", append(named, "true")...).Run() != nil {
		return exec.Command(argv[0], argv[1:]...)
	}
	return exec.Command("unshare", append(named, argv...)...)
}
