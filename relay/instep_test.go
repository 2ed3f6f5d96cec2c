package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/require"
)

// TestServerThatObeysContent: a server that takes what it refuses by BDAT for commands
// loses no message and gets none that another holds, in the first session or later ones.
// It is remembered.
func TestServerThatObeysContent(t *testing.T) {
	const inside = "MAIL FROM:<boss@bank.test>\nRCPT TO:<victim@example.org>\nBDAT 7 LAST\nhello\n\nRSET\n"
	for name, refuse := range map[string]func(*customer.Server, string){
		"550":          func(s *customer.Server, to string) { s.Rcpt = refusal(to, "550 5.1.1 no such user") },
		"450":          func(s *customer.Server, to string) { s.Rcpt = refusal(to, "450 4.7.1 later") },
		"refused MAIL": func(s *customer.Server, _ string) { s.Mail = refusal("mallory@sender.test", "550 5.7.1 no") },
	} {
		for _, large := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " large ", large), func(t *testing.T) {
				s := newSite(t, standardSite(t))
				s.fillCopies(t, 0, 3)
				s.put(t, 3, "alone", 500)
				content := inside
				if large {
					content += strings.Repeat("NOOP\n", 2*(1<<20)/5)
				}
				s.write(t, oldest, "Return-Path: <mallory@sender.test>\nDelivered-To: nobody@example.org\n"+
					"Received: (qmail 1 invoked by network); 22 Nov 2026 08:37:25 -0000\n"+content)
				var taken, chunks []string
				server := &customer.Server{Pipelining: true, Chunking: true, Obeys: true}
				refuse(server, "nobody@example.org")
				server.Take = func(from string, to []string, _ []byte) { taken = append(taken, fmt.Sprint(from, to)) }
				server.Heard = func(line string) {
					if strings.HasPrefix(line, "BDAT ") {
						chunks = append(chunks, line)
					}
				}
				require.OK(t, s.session(t, server))
				s.put(t, 4, "later", 500)
				require.OK(t, s.session(t, server))
				want := "[ann@sender.test[r0@example.org r1@example.org r2@example.org] ann@sender.test[r3@example.org] ann@sender.test[r4@example.org]]"
				if fmt.Sprint(taken) != want || fmt.Sprint(chunks) != "[BDAT 9]" {
					t.Errorf("it took %v, want %s; it heard %v", taken, want, chunks)
				}
				if left := s.waiting(t); left > 1 || left == 1 && name != "450" {
					t.Errorf("%d messages are left", left)
				}
			})
		}
	}
}

func refusal(address, reply string) func(string) string {
	return func(a string) string {
		if a == address {
			return reply
		}
		return ""
	}
}

// TestServerThatFailsAtTheProbe: one that hangs up over it costs one session, in which no
// message was under way. The next one brings all.
func TestServerThatFailsAtTheProbe(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 10)
	taken := 0
	server := &customer.Server{Pipelining: true, Chunking: true, HangsUpAt: "BDAT 9", Take: func(_ string, to []string, _ []byte) { taken += len(to) }}
	if err := s.session(t, server); err == nil || taken > 0 {
		t.Errorf("the first session: %v, %d taken", err, taken)
	}
	require.OK(t, s.session(t, server))
	if taken != 10 || s.waiting(t) != 0 || strings.Contains(s.log(t), "doubt") {
		t.Errorf("%d taken, %d left", taken, s.waiting(t))
	}
}

// TestServerIsRemembered: only a server that is not known must answer the probe before
// it gets content. It is noted as soon as mail goes on, and the notes outlast the session.
func TestServerIsRemembered(t *testing.T) {
	s := newSite(t, standardSite(t))
	server := &customer.Server{Pipelining: true, Chunking: true}
	for session, want := range []int{2, 1, 1} { // probes
		probes := 0
		server.Heard = func(line string) { probes += strings.Count(line, "BDAT 9") }
		s.put(t, 0, "message", 100)
		require.OK(t, s.session(t, server))
		notes, err := os.ReadFile(filepath.Join(s.maildir, "vodmr.notes"))
		require.OK(t, err)
		if probes != want || !strings.Contains(string(notes), " drains\n") {
			t.Errorf("session %d: %d probes, want %d; the notes are\n%s", session+1, probes, want, notes)
		}
	}
}
