package relay

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// TestUnreadNotes: notes that cannot be read for passing trouble, here since somebody
// holds a lease on the file, are no reason to send again what the customer has: ATRN gets
// 451, and the notes stay. For one that stands too.
func TestUnreadNotes(t *testing.T) {
	for _, idle := range []string{"0", "3600"} {
		s := newSite(t, standardSite(t))
		s.config["VODMR_IDLE"] = idle
		s.fill(t, 1)
		s.write(t, "maildir/vodmr.notes", "1795336700 done 1795336000.0.vm\n1795336701 session -\n")
		path := filepath.Join(s.maildir, "vodmr.notes")
		lease, err := os.OpenFile(path, os.O_RDWR, 0)
		require.OK(t, err)
		if _, err = unix.FcntlInt(lease.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
			t.Skipf("no leases here: %v", err)
		}
		log, _ := s.run(t, "C: ATRN\nS: 451 4.3.0 *\nC: QUIT\nS: 221 *\nS: <end>\n")
		if !strings.Contains(log, "error error=") || !strings.Contains(log, "vodmr.notes: ") || s.waiting(t) != 1 {
			t.Errorf("%d wait, the log:\n%s", s.waiting(t), log)
		}
		_, err = unix.FcntlInt(lease.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
		require.OK(t, err)
		require.OK(t, lease.Close())
		s.config["VODMR_IDLE"] = "0"
		_, _ = s.run(t, "C: ATRN\nS: 453 *\nC: QUIT\nS: 221 *\nS: <end>\n")
		if s.waiting(t) != 0 {
			t.Error("what is done was not removed by the next session")
		}
	}
}
