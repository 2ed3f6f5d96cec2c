package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// standing makes the mailbox's sessions standing ones.
func (m *mailbox) standing() *mailbox {
	m.cmd.Env = append(m.cmd.Env, "VODMR_IDLE=86400", "VODMR_NOOP=3600")
	return m
}

// empty takes the mail out.
func (m *mailbox) empty(t *testing.T) *mailbox {
	require.OK(t, os.Remove(filepath.Join(m.home, "Maildir/new/1795336645.1.vm")))
	return m
}

// another is a further session of the same mailbox.
func (m *mailbox) another(t *testing.T) *dialogue.Process {
	read, write, err := os.Pipe()
	require.OK(t, err)
	t.Cleanup(func() { read.Close() })
	cmd := exec.Command(m.cmd.Path, m.cmd.Args[1:]...)
	cmd.Env = m.cmd.Env
	cmd.ExtraFiles = []*os.File{write}
	p := dialogue.Start(t, cmd)
	write.Close()
	return p
}

// deliver puts a message into new, as a process of the mailbox's owner does.
func (m *mailbox) deliver(t *testing.T, name string) {
	tmp := filepath.Join(m.home, "Maildir/tmp", name)
	testsite.Write(t, tmp, testsite.Message("a@b.test", "bob@example.org", "body"))
	if os.Getuid() == 0 {
		require.OK(t, os.Chown(tmp, owner, owner))
	}
	require.OK(t, os.Rename(tmp, filepath.Join(m.home, "Maildir/new", name)))
}

const (
	turn = `
		S: 235 2.7.0 *
		C: ATRN
		S: 250 2.0.0 *
	` + greet
	greet = `
		C: 220 customer.test
		S: EHLO mail.test
		C: 250 customer.test
	`
	begin = `
		S: MAIL FROM:<a@b.test>
	`
	toDot = `
		C: 250 ok
		S: RCPT TO:<bob@example.org>
		C: 250 ok
		S: DATA
		C: 354 go
		S: Received: x
		S:
		S: body
		S: .
	`
	ok   = "C: 250 ok\n"
	quit = `
		S: QUIT
		C: 221 bye
		S: <end>
	`
)

// pastNoops answers NOOPs and returns the line that is none.
func pastNoops(t *testing.T, p *dialogue.Process) string {
	t.Helper()
	for range 100 {
		line := p.Expect("*")
		if line != "NOOP" {
			return line
		}
		p.Run(ok)
	}
	t.Fatal("nothing but NOOP is said")
	return ""
}

// quits expects QUIT, behind whatever NOOPs had their time before.
func quits(t *testing.T, p *dialogue.Process) {
	t.Helper()
	if line := pastNoops(t, p); line != "QUIT" {
		t.Fatalf("got %q, want QUIT", line)
	}
	p.Run("C: 221 bye\nS: <end>")
}

// TestTerminated: SIGTERM ends a standing session with QUIT.
func TestTerminated(t *testing.T) {
	t.Parallel()
	p := newMailbox(t).standing().start(t)
	p.Run(turn + begin + toDot + ok)
	require.OK(t, syscall.Kill(p.PID(), syscall.SIGTERM))
	p.Run(quit)
	if code, log := p.End(); code != 0 || !strings.Contains(log, `reason="told to end by a signal"`) {
		t.Errorf("exit %d\n%s", code, log)
	}
}

// TestTerminatedOverAndOver: SIGTERM that comes over and over, in whatever
// thread and whatever that is doing, ends the session once and in order.
func TestTerminatedOverAndOver(t *testing.T) {
	t.Parallel()
	const often = 1 << 16
	p := newMailbox(t).standing().start(t)
	p.Run(turn + begin + toDot)
	for range often {
		require.OK(t, syscall.Kill(p.PID(), syscall.SIGTERM))
	}
	p.Run(ok + quit)
	if code, log := p.End(); code != 0 || !strings.Contains(log, `end messages=1 `) || !strings.Contains(log, `reason="told to end by a signal"`) {
		t.Errorf("exit %d\n%s", code, log)
	}
}

// TestTerminatedBeforeHello: SIGTERM does not wait for a server that answers nothing
// as the roles turn.
func TestTerminatedBeforeHello(t *testing.T) {
	t.Parallel()
	p := newMailbox(t).standing().start(t)
	p.Run("S: 235 *\nC: ATRN\nS: 250 *\nC: 220 customer.test\nS: EHLO *")
	require.OK(t, syscall.Kill(p.PID(), syscall.SIGTERM))
	p.Run(quit)
	if code, log := p.End(); code != 0 || !strings.Contains(log, `reason="told to end by a signal"`) {
		t.Errorf("exit %d\n%s", code, log)
	}
}

// TestNotItsMailboxAnyMore: a session ends if another one has its Maildir or lock, or if nobody
// can reach it, and says which.
func TestNotItsMailboxAnyMore(t *testing.T) {
	t.Parallel()
	const moved = "moved away or made anew"
	for name, is := range map[string]struct {
		lose func(maildir string) error
		want string
	}{
		"the Maildir is moved away": {func(maildir string) error { return os.Rename(maildir, maildir+".old") }, moved},
		"the lock is removed":       {func(maildir string) error { return os.Remove(filepath.Join(maildir, "vodmr.lock")) }, moved},
		"new is closed":             {func(maildir string) error { return os.Chmod(filepath.Join(maildir, "new"), 0) }, "Maildir/new: permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMailbox(t).empty(t).standing()
			m.cmd.Env = append(m.cmd.Env, "VODMR_NOOP=1")
			p := m.start(t)
			p.Run(turn)
			require.OK(t, is.lose(filepath.Join(m.home, "Maildir")))
			quits(t, p)
			if code, log := p.End(); code != 0 || !strings.Contains(log, is.want) {
				t.Errorf("exit %d\n%s", code, log)
			}
		})
	}
}

// TestTerminatedInTransaction: SIGTERM ends it once what is under way is answered,
// though more mail waits. A signal takes its time to be heard, on a busy machine for
// longer than a message: until then the next may begin.
func TestTerminatedInTransaction(t *testing.T) {
	t.Parallel()
	m := newMailbox(t).standing()
	p := m.start(t)
	p.Run(turn + begin)
	require.OK(t, syscall.Kill(p.PID(), syscall.SIGTERM))
	sent := 0
	for line := ""; line != "QUIT"; line = p.Expect("*") {
		if sent++; sent > 1000 || line != "" && line != "MAIL FROM:<a@b.test>" {
			t.Fatalf("after %d messages: %q", sent-1, line)
		}
		m.deliver(t, fmt.Sprintf("%d.next.vm", 1795336645+sent))
		p.Run(toDot + ok)
	}
	p.Run("C: 221 bye\nS: <end>")
	left, _ := os.ReadDir(filepath.Join(m.home, "Maildir/new"))
	if code, log := p.End(); code != 0 || strings.Count(log, " success ") != sent || len(left) != 1 {
		t.Errorf("exit %d after %d messages, %d left\n%s", code, sent, len(left), log)
	}
}

// TestTakeOver: a customer that does not answer loses its session to a new one,
// which gets the mail that lands meanwhile.
func TestTakeOver(t *testing.T) {
	require.Time(t)
	t.Parallel()
	m := newMailbox(t).empty(t).standing()
	dead := m.start(t)
	dead.Run(turn)
	fresh := m.another(t)
	fresh.Run("S: 235 *\nC: ATRN")
	dead.Run("S: NOOP")
	m.deliver(t, "1795336645.1.vm")
	dead.Run("S: <end>")
	fresh.Run("S: 250 2.0.0 *\nC: 220 customer.test\nS: EHLO *\nC: 250 customer.test" + begin + toDot + ok)
	require.OK(t, syscall.Kill(fresh.PID(), syscall.SIGTERM))
	fresh.Run(quit)
	code, log := dead.End()
	if code != 111 || !strings.Contains(log, "no answer for 10 seconds, and a new session wants the mailbox") {
		t.Errorf("the one that gave way: exit %d\n%s", code, log)
	}
	if code, log := fresh.End(); code != 0 || !strings.Contains(log, " end messages=1 ") {
		t.Errorf("the one that took over: exit %d\n%s", code, log)
	}
}

// TestTakeOverPastRubbish: a vodmr.ask that cannot be written to, root's if root tests,
// keeps no customer out of its own mailbox.
func TestTakeOverPastRubbish(t *testing.T) {
	require.Time(t)
	t.Parallel()
	m := newMailbox(t).empty(t).standing()
	require.OK(t, os.WriteFile(filepath.Join(m.home, "Maildir/vodmr.ask"), nil, 0o400))
	dead := m.start(t)
	dead.Run(turn)
	fresh := m.another(t)
	fresh.Run("S: 235 *\nC: ATRN")
	dead.Run("S: NOOP\nS: <end>")
	fresh.Run("S: 250 2.0.0 *")
	const want = ` error file=vodmr.ask reason="it was no regular file of ours: it is quarantined as vodmr.ask.bad, `
	if _, log := dead.End(); !strings.Contains(log, want) {
		t.Errorf("no%s in\n%s", want, log)
	}
}

// TestNobodyCanAsk: the standing session gets its mail at once all the same, and the
// new one waits for its end.
func TestNobodyCanAsk(t *testing.T) {
	t.Parallel()
	m := newMailbox(t).empty(t).standing()
	require.OK(t, os.Mkdir(filepath.Join(m.home, "Maildir/vodmr.ask"), 0o700))
	require.OK(t, os.MkdirAll(filepath.Join(m.home, "Maildir/vodmr.ask.bad/full"), 0o700))
	live := m.start(t)
	live.Run(turn)
	m.deliver(t, "1795336645.1.vm")
	live.Run(begin + toDot + ok)
	fresh := m.another(t)
	fresh.Run("S: 235 *\nC: ATRN")
	const unasked = ` error reason="the standing session cannot be asked for the mailbox" error="`
	fresh.Logged(unasked)
	require.OK(t, syscall.Kill(live.PID(), syscall.SIGTERM))
	live.Run(quit)
	fresh.Run("S: 250 2.0.0 *\nC: 220 customer.test\nS: EHLO *\nC: 250 customer.test")
	require.OK(t, syscall.Kill(fresh.PID(), syscall.SIGTERM))
	fresh.Run(quit)
	for p, want := range map[*dialogue.Process]string{
		live:  ` error reason="no other session can ask for the mailbox" error="`,
		fresh: unasked,
	} {
		if code, log := p.End(); code != 0 || !strings.Contains(log, want) {
			t.Errorf("exit %d, no%s in\n%s", code, want, log)
		}
	}
}

// TestTakeOverFromLive: a customer that answers keeps its session, and the other
// is told to come later. Each new login asks anew.
func TestTakeOverFromLive(t *testing.T) {
	require.Time(t)
	t.Parallel()
	m := newMailbox(t).empty(t).standing()
	live := m.start(t)
	live.Run(turn)
	for range 2 {
		other := m.another(t)
		other.Run("S: 235 *\nC: ATRN")
		live.Run("S: NOOP\nC: 451 4.3.0 I am here all the same")
		other.Run("S: 451 4.3.0 another session *\nC: QUIT\nS: 221 *\nS: <end>")
	}
	m.deliver(t, "1795336645.1.vm")
	live.Run(begin + toDot + ok)
	require.OK(t, syscall.Kill(live.PID(), syscall.SIGTERM))
	live.Run(quit)
	if code, log := live.End(); code != 0 || !strings.Contains(log, " end messages=1 ") {
		t.Errorf("exit %d\n%s", code, log)
	}
}

// TestTakeOverInTransaction: the line is dead though mail is under way; nothing
// was handed over, so nothing is sent twice.
func TestTakeOverInTransaction(t *testing.T) {
	require.Time(t)
	t.Parallel()
	m := newMailbox(t).standing()
	dead := m.start(t)
	dead.Run(turn + begin)
	fresh := m.another(t)
	fresh.Run("S: 235 *\nC: ATRN")
	dead.Run("S: <end>")
	fresh.Run("S: 250 2.0.0 *\nC: 220 customer.test\nS: EHLO *\nC: 250 customer.test" + begin + toDot + ok)
	require.OK(t, syscall.Kill(fresh.PID(), syscall.SIGTERM))
	fresh.Run(quit)
	if code, log := dead.End(); code != 111 || strings.Contains(log, " doubt ") {
		t.Errorf("the one that gave way: exit %d\n%s", code, log)
	}
}

// TestTakeOverWhileJudging: a server that has the whole message and takes its time
// keeps the session: the message would go out twice.
func TestTakeOverWhileJudging(t *testing.T) {
	require.Time(t)
	t.Parallel()
	m := newMailbox(t).standing()
	slow := m.start(t)
	slow.Run(turn + begin + toDot)
	other := m.another(t)
	other.Run("S: 235 *\nC: ATRN\nS: 451 4.3.0 another session *")
	slow.Run(ok)
	require.OK(t, syscall.Kill(slow.PID(), syscall.SIGTERM))
	slow.Run(quit)
	if code, log := slow.End(); code != 0 || !strings.Contains(log, " end messages=1 ") {
		t.Errorf("exit %d\n%s", code, log)
	}
}

// TestTakeOverBeforeTheGreeting: the line goes dark as the roles turn.
func TestTakeOverBeforeTheGreeting(t *testing.T) {
	require.Time(t)
	t.Parallel()
	m := newMailbox(t).standing()
	dead := m.start(t)
	dead.Run("S: 235 *\nC: ATRN\nS: 250 *")
	fresh := m.another(t)
	fresh.Run(turn + begin + toDot + ok)
	require.OK(t, syscall.Kill(fresh.PID(), syscall.SIGTERM))
	fresh.Run(quit)
	dead.Run("S: <end>")
	if code, log := dead.End(); code != 111 || !strings.Contains(log, " end ") || !strings.Contains(log, "no answer for 10 seconds") {
		t.Errorf("the one that gave way: exit %d\n%s", code, log)
	}
}

// TestTakeOverDuringQuit: a session that waits for QUIT's reply ends for the one
// that asks, and mail that landed meanwhile is the new one's.
func TestTakeOverDuringQuit(t *testing.T) {
	require.Time(t)
	t.Parallel()
	m := newMailbox(t).empty(t).standing()
	old := m.start(t)
	old.Run(turn)
	require.OK(t, syscall.Kill(old.PID(), syscall.SIGTERM))
	old.Run("S: QUIT")
	m.deliver(t, "1795336645.1.vm")
	fresh := m.another(t)
	fresh.Run(turn + begin + toDot + ok)
	old.Run("S: <end>")
	require.OK(t, syscall.Kill(fresh.PID(), syscall.SIGTERM))
	fresh.Run(quit)
}
