package relay

import (
	"os"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// TestHangGuardAnswersOnce: if the main thread is done at the very time when the guard loses
// patience, one of them answers ATRN.
func TestHangGuardAnswersOnce(t *testing.T) {
	for range 200 {
		s := newSite(t, standardSite(t))
		conn, peer := dialogue.Pair(t)
		log, err := os.Create(s.root + "/log")
		require.OK(t, err)
		ended := make(chan bool, 1)
		config := s.relayConfig(peer, log)
		config.timings.hang = time.Millisecond
		config.Abort = func() { ended <- true }
		guard := (&session{Config: config, start: time.Now()}).guardATRN("")
		guard.Next("open it", 0)
		time.Sleep(time.Millisecond)
		mine := guard.End()
		if mine {
			_, err = peer.WriteString("250 main\r\n")
			require.OK(t, err)
		} else {
			<-ended
		}
		if line := conn.Expect("*"); strings.HasPrefix(line, "250 ") != mine {
			t.Fatalf("the customer got %q, and the main thread answers: %v", line, mine)
		}
		peer.Close()
		conn.ExpectEnd()
		log.Close()
	}
}
