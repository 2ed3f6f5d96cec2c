package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
)

// holes is the size in bytes of a file that no disk could hold: it has holes in place of
// data. To read it takes minutes.
const holes = 1 << 40

// makeSparse lengthens a message's file to size bytes by a hole.
func (s *site) makeSparse(t *testing.T, name string, size int64) {
	t.Helper()
	if err := os.Truncate(filepath.Join(s.maildir, name), size); err != nil {
		t.Skipf("no file of %d bytes can be made here: %v", size, err)
	}
}

// TestHungUpDuringAScan: a customer that hangs up while a file is read keeps neither a
// processor nor a place nor the lock for as long as that would take. The file waits, and
// the next session has what is behind it first.
func TestHungUpDuringAScan(t *testing.T) {
	for name, last := range map[string]string{"hangup": "", "421 4.4.2 too slow": "421 4.4.2 too slow\r\n"} {
		for _, idle := range []string{"", "600"} {
			t.Run(name+" idle "+idle, func(t *testing.T) {
				s := newSite(t, standardSite(t))
				s.config["VODMR_IDLE"] = idle
				const sparse = "new/1795336002.sparse.vm"
				s.write(t, sparse, "Return-Path: <ann@sender.test>\nDelivered-To: bob@example.org\n\n")
				s.makeSparse(t, sparse, holes)
				for _, i := range []int{0, 5} { // before it and behind it
					s.put(t, i, fmt.Sprint("small ", i), 100)
				}
				s.takeOne(t, "r0@example.org", last)
				sessions, waiting := 1, 2
				if last == "" { // 421 may be read before the file is, so that it is not known
					s.takeOne(t, "r5@example.org", last)
					sessions, waiting = 2, 1
				}
				reason := strings.TrimSuffix(last, "\r\n")
				if last == "" {
					reason = map[string]string{"": `reason="the connection broke: closed by the customer's server"`, "600": "reason=hangup"}[idle]
				}
				log := s.log(t)
				if strings.Count(log, "end messages=1 ") != sessions || strings.Count(log, reason) != sessions || strings.Contains(log, "sparse") {
					t.Errorf("log:\n%s", log)
				}
				if left := s.left(t); strings.Count(left, "\n") != waiting || !strings.Contains(left, sparse) {
					t.Errorf("left: %s", left)
				}
			})
		}
	}
}

// takeOne plays a customer that takes one message, says something and hangs up.
func (s *site) takeOne(t *testing.T, recipient, last string) {
	t.Helper()
	conn, peer := socketPair(t)
	done := make(chan bool)
	config := s.relayConfig(peer, openLog(t, s))
	go func() { _ = Serve(config); peer.Close(); close(done) }()
	c := dialogue.New(t, conn)
	c.Run("S: 235 *\nC: ATRN\nS: 250 *\nC: 220 x\nS: EHLO *")
	c.Send("250-x\r\n250 SIZE\r\n")
	c.Run("S: MAIL FROM:<ann@sender.test> SIZE=*\nC: 250 ok\nS: RCPT TO:<" + recipient + ">\nC: 250 ok\nS: DATA\nC: 354 go")
	for c.Expect("*") != "." {
	}
	c.Send("250 ok\r\n" + last)
	conn.Close()
	<-done
}
