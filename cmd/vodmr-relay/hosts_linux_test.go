package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/internal/verdict"
	"vodmr/test/kit/require"
	"vodmr/test/kit/slowfs"
	"vodmr/test/kit/testsite"
)

// hosts are two machines with the mailbox on one network file system: neither sees by a
// watch what the other does. Their sessions are standing sessions that look each second.
func hosts(t *testing.T) (one, two *mailbox, mount *slowfs.Mount) {
	t.Helper()
	source := testsite.PublicDir(t)
	testsite.Maildir(t, filepath.Join(source, "Maildir"))
	// As long as new is young, each look is followed by another, which could be the one that hangs.
	require.OK(t, os.Chtimes(filepath.Join(source, "Maildir/new"), time.Time{}, time.Now().Add(-time.Hour)))
	host := func() (*mailbox, *slowfs.Mount) {
		root := testsite.PublicDir(t)
		home := filepath.Join(root, "home")
		require.OK(t, os.Mkdir(home, 0o755))
		mount := slowfs.At(t, source, home, slowfs.Speed{})
		m := mailboxAt(t, root, home)
		m.cmd.Env = append(m.cmd.Env, "VODMR_IDLE=86400", "VODMR_NOOP=3600", "VODMR_LOOK=1")
		return m, mount
	}
	one, mount = host()
	two, _ = host()
	two.proof.Close()
	return one, two, mount
}

// TestMailFromAnotherHost: a standing session sends a message that another host delivers,
// though no watch tells of it.
func TestMailFromAnotherHost(t *testing.T) {
	t.Parallel()
	require.Time(t)
	one, two, _ := hosts(t)
	p := one.start(t)
	p.Run(turn)
	two.deliver(t, "1795336646.1.other")
	p.Run(begin + toDot + ok)
	require.OK(t, syscall.Kill(p.PID(), syscall.SIGTERM))
	p.Run(quit)
}

// TestTakeOverFromAnotherHost: a login on another host gets the mailbox if the customer of
// the standing session is gone or frozen, at rest and in the midst of a message, and 451 if
// it is there.
func TestTakeOverFromAnotherHost(t *testing.T) {
	t.Parallel()
	require.Time(t)
	for name, tt := range map[string]struct {
		dialogue string // of the first session, until the second login
		answers  bool   // the first customer answers NOOP
		want     string
	}{
		"alive":        {turn, true, "451 4.3.0 another session*"},
		"frozen":       {turn, false, "250 2.0.0 *"},
		"in a message": {turn + begin, false, "250 2.0.0 *"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two, _ := hosts(t)
			if tt.dialogue != turn {
				two.deliver(t, "1795336646.1.other")
			}
			first := one.start(t)
			first.Run(tt.dialogue)
			second := two.another(t)
			second.Run("S: 235 *\nC: ATRN")
			if tt.answers {
				first.Run("S: NOOP\nC: 250 ok")
			}
			second.Run("S: " + tt.want)
			if tt.answers {
				second.Run("C: QUIT\nS: 221 *\nS: <end>")
				require.OK(t, syscall.Kill(first.PID(), syscall.SIGTERM))
				first.Run(quit)
			}
		})
	}
}

// TestHangingFileSystem: a standing session still says NOOP while its file system hangs,
// and a message that came meanwhile goes out once it answers.
func TestHangingFileSystem(t *testing.T) {
	t.Parallel()
	require.Time(t)
	one, two, mount := hosts(t)
	one.cmd.Env = append(one.cmd.Env, "VODMR_NOOP=2")
	p := one.start(t)
	p.Run(turn)
	p.Run("S: NOOP") // nothing else is done before the reply
	mount.Hang()
	defer mount.Resume()
	p.Run("C: 250 ok")
	for range 4 {
		p.Run("S: NOOP\nC: 250 ok")
	}
	two.deliver(t, "1795336646.1.other")
	p.Run("S: NOOP\nC: 250 ok")
	mount.Resume()
	if line := pastNoops(t, p); line != "MAIL FROM:<a@b.test>" {
		t.Fatalf("it says %q", line)
	}
	p.Run(toDot + ok)
	require.OK(t, syscall.Kill(p.PID(), syscall.SIGTERM))
	p.Run(quit)
	_, log := p.End()
	logged(t, log, "the file system does not answer", "the file system answers again", " end messages=1 ")
}

func logged(t *testing.T, log string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in the log:\n%s", want, log)
		}
	}
}

// TestLoginOnHangingFileSystem: ATRN gets 451 within 30 seconds if the file system hangs, and
// the connection ends though a thread of the process still waits.
func TestLoginOnHangingFileSystem(t *testing.T) {
	require.Time(t)
	t.Parallel()
	one, _, mount := hosts(t)
	p := one.start(t)
	p.Run("S: 235 *")
	mount.Hang()
	defer mount.Resume()
	begun := time.Now()
	p.Run("C: ATRN\nS: 451 4.3.0 the mailbox does not answer, try again later\nS: <end>")
	if took := time.Since(begun); took < 10*time.Second || took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	mount.Resume()
	code, log := p.End()
	if code != 111 {
		t.Errorf("exit code %d", code)
	}
	logged(t, log, `error call="open `, `reason="the file system does not answer" seconds=25`, "atrn user=odmr@example.org", " end messages=0 ")
}

// TestHangBeforeTheLogin: if HOME hangs before vodmr-relay has said that it takes over, vodmr
// hears of trouble, well within the minute that a login may take.
func TestHangBeforeTheLogin(t *testing.T) {
	require.Root(t, "only root looks at HOME before it takes over")
	require.Time(t)
	t.Parallel()
	one, _, mount := hosts(t)
	mount.Hang()
	defer mount.Resume()
	p := one.start(t)
	begun := time.Now()
	heard := one.verdict(t)
	if took := time.Since(begun); heard != string([]byte{byte(verdict.NotTakenOver)}) || took > 40*time.Second {
		t.Errorf("vodmr hears %q after %v", heard, took)
	}
	mount.Resume()
	code, log := p.End()
	if code != 111 {
		t.Errorf("exit code %d", code)
	}
	logged(t, log, `reason="the file system does not answer" seconds=25`)
}

// TestHangBehindTheVerdict: vodmr has heard that the login is right, so the reply to AUTH is
// vodmr-relay's. A program that runs as the mailbox's owner from the start looks at HOME then.
func TestHangBehindTheVerdict(t *testing.T) {
	require.Root(t, "only root becomes the mailbox's owner")
	require.Time(t)
	t.Parallel()
	one, _, mount := hosts(t)
	one.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner, Gid: owner}}
	mount.Hang()
	defer mount.Resume()
	p := one.start(t)
	p.Run("S: 454 4.7.0 the mailbox does not answer, try again later\nS: <end>")
	mount.Resume()
	code, log := p.End()
	if code != 111 {
		t.Errorf("exit code %d", code)
	}
	logged(t, log, `reason="the file system does not answer" seconds=25`)
}

// TestHangInTheMidst: a session bears a file system that hangs while it removes a message, and
// the log says which call it was.
func TestHangInTheMidst(t *testing.T) {
	require.Time(t)
	t.Parallel()
	one, two, mount := hosts(t)
	two.deliver(t, "1795336645.1.vm")
	p := one.start(t)
	p.Run(turn + begin + toDot)
	mount.Hang()
	defer mount.Resume()
	p.Run(ok)
	time.Sleep(6 * time.Second) // it hangs for so long
	mount.Resume()
	two.deliver(t, "1795336646.2.vm")
	p.Run(begin + toDot + ok)
	require.OK(t, syscall.Kill(p.PID(), syscall.SIGTERM))
	p.Run(quit)
	_, log := p.End()
	logged(t, log, `error call="unlink new/1795336645.1.vm" reason="the file system did not answer" seconds=`, " end messages=2 ")
}
