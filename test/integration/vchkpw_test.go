package integration

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vodmr/test/kit/require"
)

// The stand-in for vchkpw must do what the real one was seen to do: what the tests of
// the chain show is worth no more than that.

// A checkRun is one run of the stand-in, with what its program then saw.
type checkRun struct {
	code     int
	uid, gid string
	dir      string
	env      []string // USER, HOME, SHELL, VPOPUSER
}

// sees is a program that tells what the stand-in gave it. Its name must not hold
// "true", which the real vchkpw takes for SMTP.
const sees = `id -u; id -g; pwd; echo "$USER"; echo "$HOME"; echo "$SHELL"; echo "$VPOPUSER"`

// vchkpw runs the stand-in with these bytes on descriptor 3, told this port.
func (s *site) vchkpw(t testing.TB, port, fd3 string, as *account, settings ...string) checkRun {
	t.Helper()
	return s.vchkpwRuns(t, port, fd3, as, []string{"/bin/sh", "-c", sees}, settings...)
}

func (s *site) vchkpwRuns(t testing.TB, port, fd3 string, as *account, argv []string, settings ...string) checkRun {
	t.Helper()
	cmd := exec.Command(program(t, "vchkpw"), argv...)
	cmd.Dir = "/"
	cmd.Env = append(append(s.environ(), "TCPLOCALPORT="+port), settings...)
	if fd3 != "closed" {
		in, err := os.CreateTemp(t.TempDir(), "fd3-")
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if _, err := in.WriteString(fd3); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		cmd.ExtraFiles = []*os.File{in}
	}
	if as != nil && as.uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)}}
	}
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r := checkRun{code: cmd.ProcessState.ExitCode()}
	if lines := strings.Split(string(out), "\n"); len(lines) == 8 {
		r.uid, r.gid, r.dir, r.env = lines[0], lines[1], lines[2], lines[3:7]
	}
	return r
}

// cram is what vodmr writes on descriptor 3 for CRAM-MD5.
func cram(login, password, challenge string) string {
	mac := hmac.New(md5.New, []byte(password))
	mac.Write([]byte(challenge))
	return login + "\x00" + hex.EncodeToString(mac.Sum(nil)) + "\x00" + challenge + "\x00"
}

const aChallenge = "<1.2@mail.provider.test>"

// setAccount replaces the account's line in the domain's vpasswd.
func (s *site) setAccount(t testing.TB, crypted, flags, home string) {
	t.Helper()
	line := []string{"odmr", crypted, "1", flags, "odmr", home, "NOQUOTA", s.password}
	s.owner.write(t, filepath.Join(filepath.Dir(s.home), "vpasswd"), strings.Join(line, ":")+"\n", 0o600)
}

func TestVchkpwExitCodes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	right := cram(s.login, s.password, aChallenge)
	for _, test := range []struct {
		name, port, fd3 string
		code            int
	}{
		{"right", "587", right, 0},
		{"right on port 25", "25", right, 0},
		{"right on port 465", "465", right, 0},
		{"CRAM-MD5 on ATRN's port", "366", right, 3},
		{"CRAM-MD5 without a port", "", right, 3},
		{"wrong response", "587", cram(s.login, "wrong", aChallenge), 3},
		{"unknown user", "587", cram("nobody@"+s.domain, s.password, aChallenge), 3},
		{"unknown domain", "587", cram("odmr@other.example", s.password, aChallenge), 3},
		{"response in capitals", "587", strings.Replace(right, right[len(s.login):len(s.login)+33], strings.ToUpper(right[len(s.login):len(s.login)+33]), 1), 3},
		{"a NUL brings an old exchange", "587", right + "more", 0},
		{"no descriptor 3", "587", "closed", 11},
		{"no login", "587", "\x00x\x00x\x00", 12},
		{"no password", "587", s.login + "\x00\x00x\x00", 13},
		{"no domain after the separator", "587", cram("odmr@", s.password, aChallenge), 20},
		{"two separators", "587", cram("odmr@x%example.org", s.password, aChallenge), 20},
	} {
		if got := s.vchkpw(t, test.port, test.fd3, nil).code; got != test.code {
			t.Errorf("%s: exits %d, want %d", test.name, got, test.code)
		}
	}
	if got := s.vchkpwRuns(t, "366", right, nil, []string{"/bin/true"}).code; got != 0 {
		t.Errorf("a program with \"true\" in its name: exits %d, want 0", got)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(s.home), "vpasswd")); err != nil {
		t.Fatal(err)
	}
	if got := s.vchkpw(t, "587", right, nil).code; got != 3 {
		t.Errorf("a dead database: exits %d, want 3", got)
	}
}

// 155 bytes of descriptor 3 are kept: what is longer makes a right response wrong.
func TestVchkpwKeeps155Bytes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, test := range []struct{ bytes, code int }{{155, 0}, {157, 3}, {160, 3}} {
		rest := test.bytes - len(cram(s.login, s.password, "<>"))
		challenge := "<" + strings.Repeat("c", rest) + ">"
		fd3 := cram(s.login, s.password, challenge)
		if len(fd3) != test.bytes {
			t.Fatalf("%d bytes, want %d", len(fd3), test.bytes)
		}
		if got := s.vchkpw(t, "587", fd3, nil).code; got != test.code {
			t.Errorf("%d bytes: exits %d, want %d", test.bytes, got, test.code)
		}
	}
}

// plainPassword and its crypt, of the kind that vpopmail writes.
const (
	plainPassword = "tanstaafl"
	md5crypt      = "$1$vodmr$EmXSeLlawFhWqFQSPxBKh1"
)

func TestVchkpwIdentity(t *testing.T) {
	require.Root(t, "vchkpw changes its user")
	t.Parallel()
	s := newSite(t)
	s.setAccount(t, md5crypt, "0", s.home)
	uid, gid := fmt.Sprint(s.owner.uid), fmt.Sprint(s.owner.gid)
	plain := s.login + "\x00" + plainPassword + "\x00\x00"
	env := func(login string) []string { return []string{"odmr", s.home, "NOLOGIN", login} }
	other := account{s.owner.uid + 1, s.owner.gid + 1}
	for _, test := range []struct {
		name, port, fd3 string
		as              *account
		want            checkRun
	}{
		{"SMTP keeps user, group and directory", "587", plain, nil, checkRun{0, "0", "0", "/", env(s.login)}},
		{"POP changes all three", "110", plain, nil, checkRun{0, uid, gid, s.home, env(s.login)}},
		{"ATRN's port is POP to it", "366", plain, nil, checkRun{0, uid, gid, s.home, env(s.login)}},
		{"the domain's user", "366", plain, &s.owner, checkRun{0, uid, gid, s.home, env(s.login)}},
		{"another user", "587", plain, &other, checkRun{code: 3}},
		{"wrong password", "366", s.login + "\x00wrong\x00\x00", nil, checkRun{code: 3}},
	} {
		got := s.vchkpw(t, test.port, test.fd3, test.as)
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// HOME is what the domain's owner wrote, even for a vchkpw that stays root.
func TestVchkpwTrustsTheDomainsOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	elsewhere := filepath.Join(s.domains, "other.example", "odmr")
	s.setAccount(t, "*", "0", elsewhere)
	got := s.vchkpw(t, "587", cram(s.login, s.password, aChallenge), nil)
	if got.code != 0 || got.env[1] != elsewhere {
		t.Errorf("got %+v, want HOME %s", got, elsewhere)
	}
}

// VPOPUSER is the login as typed; USER and HOME are the account's.
func TestVchkpwLogins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := os.Symlink(s.domain, filepath.Join(s.domains, "alias.example")); err != nil {
		t.Fatal(err)
	}
	check := func(login string, want int, settings ...string) {
		t.Helper()
		got := s.vchkpw(t, "587", cram(login, s.password, aChallenge), nil, settings...)
		if got.code != want {
			t.Errorf("%q: exits %d, want %d", login, got.code, want)
		}
		if env := []string{"odmr", s.home, "NOLOGIN", login}; want == 0 && !slices.Equal(got.env, env) {
			t.Errorf("%q: got %q, want %q", login, got.env, env)
		}
	}
	for _, login := range []string{"odmr@example.org", "odmr%example.org", "odmr/example.org", "ODMR@Example.ORG", "odmr@alias.example"} {
		check(login, 0)
	}
	check("odmr", 20)
	check("odmr", 0, "VCHKPW_DEFAULT_DOMAIN=example.org")
	s.owner.mkdir(t, filepath.Join(s.dir, "etc"), 0o755)
	s.owner.write(t, filepath.Join(s.dir, "etc/defaultdomain"), "Example.org\n", 0o644)
	check("odmr", 0)
}

// If vchkpw is told port 587, it refuses a login that may not use SMTP.
func TestVchkpwNoSMTP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	right := cram(s.login, s.password, aChallenge)
	limits := filepath.Join(filepath.Dir(s.home), ".qmailadmin-limits")
	for _, test := range []struct {
		name, flags, limits string
		code                int
	}{
		{"no flag", "0", "maxpopaccounts 5\ndisable_pop\n", 0},
		{"other flags", "2047", "", 0},
		{"vmoduser -s", "2048", "", 3},
		{"vmoduser -s and others", "2050", "", 3},
		{"the domain's limits", "0", "maxpopaccounts 5\ndisable_smtp\n", 3},
	} {
		s.setAccount(t, md5crypt, test.flags, s.home)
		s.owner.write(t, limits, test.limits, 0o600)
		if got := s.vchkpw(t, "587", right, nil).code; got != test.code {
			t.Errorf("%s: exits %d, want %d", test.name, got, test.code)
		}
		if got := s.vchkpwRuns(t, "110", s.login+"\x00"+plainPassword+"\x00\x00", &s.owner, []string{"/bin/sh", "-c", sees}).code; got != 0 {
			t.Errorf("%s: POP exits %d, want 0", test.name, got)
		}
	}
}

// It leaves descriptors open for its program, 4 and above too.
func TestVchkpwLeavesDescriptorsOpen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	in := filepath.Join(t.TempDir(), "fd3")
	if err := os.WriteFile(in, []byte(cram(s.login, s.password, aChallenge)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `exec "$0" /bin/sh -c 'echo four >&4; echo nine >&9; ! true <&3' 3<"$1" 4>&1 9>&1`,
		program(t, "vchkpw"), in)
	cmd.Env = append(s.environ(), "TCPLOCALPORT=587")
	out, err := cmd.Output()
	if err != nil || string(out) != "four\nnine\n" {
		t.Errorf("got %q, %v", out, err)
	}
}
