package relay

import (
	"os"
	"path/filepath"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// TestMovedAway: a message that is in another folder when the customer's answer
// comes, and then is back, is removed and never sent again.
func TestMovedAway(t *testing.T) {
	for mode, server := range modes() {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.fill(t, 9)
			kept := filepath.Join(s.maildir, "new/1795336005.5.vm")
			away := t.TempDir()
			taken := map[string]int{}
			server.Take = func(_ string, to []string, _ []byte) {
				for _, r := range to {
					taken[r]++
				}
				if to[0] == "r5@example.org" {
					require.OK(t, os.Rename(kept, away+"/kept"))
				}
			}
			require.OK(t, s.session(t, &server))
			require.OK(t, os.Rename(away+"/kept", kept))
			s.nothingWaits(t)
			if len(taken) != 9 || taken["r5@example.org"] != 1 {
				t.Errorf("taken: %v", taken)
			}
			if left := s.left(t); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

// nothingWaits expects that ATRN is told so.
func (s *site) nothingWaits(t *testing.T) {
	t.Helper()
	conn, peer := socketPair(t)
	config := s.relayConfig(peer, openLog(t, s))
	done := make(chan error, 1)
	go func() { done <- Serve(config); peer.Close() }()
	dialogue.New(t, conn).Run("S: 235 *\nC: ATRN\nS: 453 *\nC: QUIT\nS: 221 *")
	require.OK(t, <-done)
}
