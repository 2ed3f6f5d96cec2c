package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStandingComesBack: if the session of atrn -i ends, by the provider's QUIT or by its
// death, the next one brings the mail that came meanwhile. SIGTERM ends atrn in order.
func TestStandingComesBack(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"QUIT": syscall.SIGTERM, "the provider dies": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t).standing("VODMR_NOOP=1")
			p := s.listen(t)
			inbox, said := filepath.Join(t.TempDir(), "Maildir"), filepath.Join(s.dir, "atrn.log")
			args := append([]string{"-u", s.login, "-p", s.passfile}, s.trust...)
			cmd := exec.Command(program(t, "atrn"), append(args, "-i", "-m", inbox, p.addr())...)
			start(t, cmd, said)
			const sessions = 3
			for n := range sessions {
				eventually(t, time.Minute, "the session stands", func() bool { return len(p.lines(t, " stand ")) == n+1 })
				s.deliver(t, "ann@sender.test", "in a session\n", "bob@"+s.domain)
				eventually(t, time.Minute, "it arrives", func() bool { return len(s.waiting(t)) == 0 })
				if n+1 < sessions {
					s.end(t, signal)
					s.deliver(t, "ann@sender.test", "between sessions, or in the next\n", "bob@"+s.domain)
				}
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			eventually(t, time.Minute, "atrn says its last line", func() bool { return strings.Contains(readFile(t, said), "cut short") })
			eventually(t, time.Minute, "the session ends in order", func() bool { return len(p.lines(t, " end ", "421 4.3.2")) == 1 })
			onceEach(t, s, inbox)
			if lines := strings.Count(readFile(t, said), " stood "); lines != sessions {
				t.Errorf("atrn tells of %d sessions, want %d: %s", lines, sessions, readFile(t, said))
			}
		})
	}
}
