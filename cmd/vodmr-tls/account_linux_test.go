package main

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// playAttach tries what a program that was taken over would: to open the key, to
// read the memory of the process that holds it, and to trace it.
func playAttach() int {
	runtime.LockOSThread()
	parent := os.Getppid()
	_, key := os.ReadFile(os.Getenv("TEST_KEY"))
	_, memory := os.OpenFile(fmt.Sprintf("/proc/%d/mem", parent), os.O_RDWR, 0)
	_, folder := os.ReadDir(fmt.Sprintf("/proc/%d/fd", parent))
	trace := syscall.PtraceAttach(parent)
	for name, err := range map[string]error{"key": key, "memory": memory, "descriptors": folder, "trace": trace} {
		if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) {
			fmt.Fprintf(descriptor(1), "%s: got %v, want no permission\r\n", name, err)
		}
	}
	groups, _ := os.Getgroups()
	fmt.Fprintf(descriptor(1), "tried as %d %d %d\r\n", os.Getuid(), os.Getgid(), groups)
	var b [1]byte
	_, _ = descriptor(0).Read(b[:])
	return 7
}

// account finds a user that every system has.
func account(t *testing.T, name string) (uid, gid int) {
	t.Helper()
	found, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.Atoi(found.Uid)
	gid, err2 := strconv.Atoi(found.Gid)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

// status reads a line of a process's status for each of its threads, which must
// all have the same.
func status(t *testing.T, pid int, name string) string {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("no threads of %d: %v", pid, err)
	}
	found := ""
	for i, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\n"+name+":")
		value, _, _ := strings.Cut(rest, "\n")
		if i > 0 && value != found {
			t.Errorf("%s of %d: %q in one thread, %q in another", name, pid, value, found)
		}
		found = value
	}
	return strings.Join(strings.Fields(found), " ")
}

// attackers is a program that tries to get at a key.
func attackers(cert string) []string {
	return append([]string{"env", "TEST_KEY=" + cert}, prog("attach")...)
}

func TestKeyIsOutOfReach(t *testing.T) {
	require.Root(t, "to become other users")
	ca, cert := servercert(t)
	nobody, nogroup := account(t, "nobody")
	daemon, daemons := account(t, "daemon")
	tried := fmt.Sprintf("S: tried as %d %d []", nobody, nogroup)
	// Root has groups of its own, which neither may keep.
	starting := func(t *testing.T, program []string, flags ...string) *dialogue.Process {
		cmd := wrap(flags, program)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{0, uint32(daemons)}}}
		return dialogue.Start(t, cmd)
	}
	confined := func(t *testing.T, pid int) {
		t.Helper()
		root, err := os.Readlink(fmt.Sprintf("/proc/%d/root", pid))
		if err != nil || root != "/var/empty" {
			t.Errorf("root folder %q (%v), want /var/empty", root, err)
		}
		want := map[string]string{
			"Uid": strings.TrimSpace(strings.Repeat(strconv.Itoa(daemon)+" ", 4)), "Groups": "",
			"Gid": strings.TrimSpace(strings.Repeat(strconv.Itoa(daemons)+" ", 4)), "CapEff": "0000000000000000", "CapPrm": "0000000000000000",
		}
		for name, value := range want {
			if got := status(t, pid, name); got != value {
				t.Errorf("%s: %q, want %q", name, got, value)
			}
		}
	}
	t.Run("on connect", func(t *testing.T) {
		p := starting(t, attackers(cert), "-c", cert, "-u", "daemon", "-U", "nobody")
		c := secured(t, p, trusting(ca))
		c.Run(tried)
		confined(t, p.PID())
		c.Run(`
			C: done
			S: <end>
		`)
		ended(t, p, 7)
	})
	t.Run("STARTTLS", func(t *testing.T) {
		p := starting(t, attackers(cert), "-s", "-c", cert, "-u", "daemon", "-U", "nobody")
		p.Run(tried)
		p.Run(`
			C: done
			S: <end>
		`)
		ended(t, p, 7)

		p = starting(t, prog("smtp"), "-s", "-c", cert, "-u", "daemon", "-U", "nobody")
		p.Run(toSTARTTLS)
		c := secured(t, p, trusting(ca))
		c.Run(`
			C: NOOP
			S: 500 said NOOP
		`)
		confined(t, p.PID())
		c.Run(`
			C: QUIT
			S: 221 bye
			S: <end>
		`)
		ended(t, p, 7)
	})
	t.Run("program's account alone", func(t *testing.T) {
		p := starting(t, attackers(cert), "-c", cert, "-U", "nobody")
		c := secured(t, p, trusting(ca))
		c.Run(tried)
		c.Run(`
			C: done
			S: <end>
		`)
		ended(t, p, 7)
	})
}

// vchkpw needs root: -u alone leaves it to the program.
func TestAccountAlone(t *testing.T) {
	require.Root(t, "to become other users")
	ca, cert := servercert(t)
	p := starting(t, shell(`printf 'user %s\r\n' $(id -u); exit 7`), "-c", cert, "-u", "daemon")
	secured(t, p, trusting(ca)).Run(`
		S: user 0
		S: <end>
	`)
	ended(t, p, 7)
}

// The starter makes no difference to what a program finds.
func TestProgramLearnsOfTLSFromTheStarter(t *testing.T) {
	require.Root(t, "to become other users")
	ca, cert := servercert(t)
	p := starting(t, shell(settings), "-c", cert, "-u", "daemon", "-U", "nobody")
	secured(t, p, trusting(ca)).Run(`
		S: SSL_CIPHER=*
		S: SSL_PROTOCOL=TLSv1.3
		S: SSL_TLS_SNI_SERVERNAME=mail.example.net
		S: session ` + strconv.Itoa(p.PID()) + `
		S: <end>
	`)
	ended(t, p, 7)

	p = starting(t, prog("open"), "-c", cert, "-u", "daemon", "-U", "nobody")
	secured(t, p, trusting(ca)).Run(`
		S: open 0 1 2
		S: <end>
	`)
	ended(t, p, 0)

	p = starting(t, []string{"/nonexistent/vodmr"}, "-c", cert, "-u", "daemon", "-U", "nobody")
	secured(t, p, trusting(ca)).ExpectEnd()
	ended(t, p, 111, `vodmr-tls: `+strconv.Itoa(p.PID())+` error error="*/nonexistent/vodmr*no such file or directory"`)
}

// A subject that is too long for a program's environment ends the connection, and the log
// says so, whichever process notices.
func TestSubjectTooLong(t *testing.T) {
	require.Root(t, "to become other users")
	ca, cert := servercert(t)
	friends := newAuthority(t, "Friends")
	long := friends.issue(t, pkix.Name{CommonName: strings.Repeat("x", 140_000)}, -time.Hour, time.Hour).tls
	config := trusting(ca)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &long, nil }
	for log, flags := range map[string][]string{
		"argument list too long": nil,
		"more than 131072 bytes": {"-u", "daemon", "-U", "nobody"},
	} {
		p := starting(t, shell("exit 7"), append([]string{"-c", cert, "-a", file(t, friends.pem)}, flags...)...)
		secured(t, p, config).ExpectEnd()
		ended(t, p, 111, `vodmr-tls: * error="*`+log+`"`)
	}
}

// A handshake that fails runs no program, though a starter waits for it.
func TestStarterWithoutHandshake(t *testing.T) {
	require.Root(t, "to become other users")
	_, cert := servercert(t)
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	p := starting(t, []string{"touch", folder + "/ran"}, "-c", cert, "-u", "daemon")
	p.Run(`C: EHLO customer.example`)
	ended(t, p, 111, `vodmr-tls: * error="TLS handshake: *"`)
	if _, err := os.Stat(folder + "/ran"); err == nil {
		t.Error("the program ran")
	}
}

// If all is one user, the kernel is told that nobody may trace vodmr-tls.
func TestSameUserCannotAttach(t *testing.T) {
	require.Root(t, "to become other users")
	ca, cert := servercert(t)
	nobody, nogroup := account(t, "nobody")
	open := filepath.Join(bin, t.Name()+".pem")
	text, err := os.ReadFile(cert)
	if err == nil {
		err = os.WriteFile(open, text, 0o400)
	}
	if err == nil {
		err = os.Chown(open, nobody, nogroup)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := wrap([]string{"-c", open}, attackers("/nonexistent"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(nobody), Gid: uint32(nogroup)}}
	p := dialogue.Start(t, cmd)
	c := secured(t, p, trusting(ca))
	c.Run(`
		S: key: got open /nonexistent: no such file or directory, want no permission
		S: tried as ` + fmt.Sprintf("%d %d []", nobody, nogroup) + `
		C: done
		S: <end>
	`)
	ended(t, p, 7)
}

func TestEqualUsersAreLogged(t *testing.T) {
	require.Root(t, "to become other users")
	ca, cert := servercert(t)
	nobody, _ := account(t, "nobody")
	for uid, flags := range map[int][]string{0: nil, nobody: {"-u", "nobody", "-U", "nobody"}} {
		p := starting(t, shell("exit 7"), append(flags, "-c", cert)...)
		secured(t, p, trusting(ca)).ExpectEnd()
		p.Close()
		_, log := p.End()
		want := fmt.Sprintf(`vodmr-tls: * error="TLS and the program both run as user %d: nothing keeps them apart"`+"\n", uid)
		if !dialogue.Match(want, log) {
			t.Errorf("%q: log %q, want %q", flags, log, want)
		}
	}
}

func TestAccountsThatWillNotDo(t *testing.T) {
	require.Root(t, "to become other users")
	_, cert := servercert(t)
	for _, test := range []struct {
		flags []string
		error string
	}{
		{[]string{"-u", "no-such-account"}, "account no-such-account: *"},
		{[]string{"-U", "no-such-account"}, "account no-such-account: *"},
		{[]string{"-u", "root"}, "account root is root: TLS needs one with no rights"},
	} {
		p := starting(t, shell("exit 7"), append(test.flags, "-c", cert)...)
		p.ExpectEnd()
		ended(t, p, 111, `vodmr-tls: * error="`+test.error+`"`)
	}
	nobody, nogroup := account(t, "nobody")
	cmd := exec.Command(filepath.Join(bin, "vodmr-tls"), "-u", "daemon", "true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(nobody), Gid: uint32(nogroup)}}
	p := dialogue.Start(t, cmd)
	p.ExpectEnd()
	ended(t, p, 111, `vodmr-tls: * error="cannot become daemon: not started as root"`)
}
