package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// TestInvariant4OneSessionAtATime: of several processes that ask for one mailbox
// at the same time one gets it, however often that is tried; the others are told
// to come again, and one of them gets it once the first has ended. Each message
// goes out once.
func TestInvariant4OneSessionAtATime(t *testing.T) {
	t.Parallel()
	const rounds, contenders = 6, 4
	m := newMailbox(t)
	m.proof.Close()
	lock := filepath.Join(m.home, "Maildir/vodmr.lock")
	var first os.FileInfo
	for round := range rounds {
		var all []*dialogue.Process
		for range contenders {
			all = append(all, m.contender(t))
		}
		for _, p := range all {
			p.Run("S: 235 *")
		}
		winner := race(t, all)
		second := (winner + 1) % contenders
		// The winner's customer goes away without the mail, but for the last.
		all[winner].Run("C: 421 4.3.2 not now\nS: <end>")
		all[winner].End()
		all[second].Run("C: ATRN\nS: 250 *")
		if round < rounds-1 {
			all[second].Run("C: 421 4.3.2 not now\nS: <end>")
		} else {
			takeMail(all[second])
		}
		for i, p := range all {
			if i != winner && i != second {
				p.Run("C: QUIT\nS: 221 *\nS: <end>")
			}
		}
		info, err := os.Stat(lock)
		require.OK(t, err)
		if first == nil {
			first = info
		} else if !os.SameFile(first, info) {
			t.Fatal("the lock is another file than before: two could hold a lock each")
		}
	}
	if left, _ := os.ReadDir(filepath.Join(m.home, "Maildir/new")); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}

// contender starts one more process for the mailbox.
func (m *mailbox) contender(t *testing.T) *dialogue.Process {
	t.Helper()
	read, write, err := os.Pipe()
	require.OK(t, err)
	t.Cleanup(func() { read.Close() })
	cmd := exec.Command(m.cmd.Path, m.cmd.Args[1:]...)
	cmd.Env, cmd.ExtraFiles = m.cmd.Env, []*os.File{write}
	p := dialogue.Start(t, cmd)
	write.Close()
	return p
}

// race has all say ATRN at once and returns which of them got the mailbox.
func race(t *testing.T, all []*dialogue.Process) (winner int) {
	t.Helper()
	for _, p := range all {
		p.Send("ATRN\r\n")
	}
	winner = -1
	for i, p := range all {
		switch line := p.Expect("*"); {
		case strings.HasPrefix(line, "250 ") && winner < 0:
			winner = i
		case !strings.HasPrefix(line, "451 4.3.0 another session"):
			t.Fatalf("contender %d of %d got %q, and contender %d has the mailbox", i, len(all), line, winner)
		}
	}
	if winner < 0 {
		t.Fatal("nobody got the mailbox")
	}
	return winner
}

func takeMail(p *dialogue.Process) {
	p.Run(greet + begin + toDot + ok + quit)
}

// TestInvariant4LockOfAnotherHost: the lock is one that NFS carries between
// hosts. So a process that holds it by fcntl, as this test does, keeps a session off,
// and lets it in by letting go.
func TestInvariant4LockOfAnotherHost(t *testing.T) {
	m := newMailbox(t)
	m.proof.Close()
	name := filepath.Join(m.home, "Maildir/vodmr.lock")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	require.OK(t, err)
	defer file.Close()
	if os.Getuid() == 0 {
		testsite.Chown(t, m.home, owner)
	}
	require.OK(t, unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	p := m.contender(t)
	p.Run("S: 235 *\nC: ATRN\nS: 451 4.3.0 another session*")
	require.OK(t, unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_UNLCK}))
	p.Run("C: ATRN\nS: 250 *")
	if err := unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err == nil {
		t.Error("a session runs, and its lock can be taken from outside")
	}
	takeMail(p)
}

// TestNoLockFile: something else that has the name of the lock keeps no customer out, though a
// confined session can make neither a link nor a FIFO.
func TestNoLockFile(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(path string) error{
		"folder": func(path string) error { return os.MkdirAll(path+"/full", 0o700) },
		"link":   func(path string) error { return os.Symlink("nowhere", path) },
		"FIFO":   func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMailbox(t)
			require.OK(t, make(filepath.Join(m.home, "Maildir/vodmr.lock")))
			p := m.start(t)
			p.Run("S: 235 *\nC: ATRN\nS: 250 *")
			takeMail(p)
			if code, log := p.End(); code != 0 || !strings.Contains(log, "error file=vodmr.lock reason=") {
				t.Errorf("exit %d\n%s", code, log)
			}
		})
	}
}
