package relay

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/require"
)

// TestInvariant7StoredBytes: the customer gets the stored bytes, without the two
// envelope lines, with SMTP's line ends, and with a space for each stray CR.
func TestInvariant7StoredBytes(t *testing.T) {
	for mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			eachSeed(t, 6, func(t *testing.T, r *rand.Rand) {
				s := newSite(t, standardSite(t))
				want := map[string]string{}
				content, large := "", r.Intn(8) == 0
				for i := range 10 {
					content = nextContent(r, content, large && i == 5)
					lines, between := envelopeLines(r, recipient(i))
					s.write(t, fmt.Sprintf("new/%d.%d.vm", 1795336000+i, i), lines+content)
					want[recipient(i)] = onTheWire(between + content)
				}
				got := map[string]string{}
				server := modes()[mode]
				server.Take = func(_ string, to []string, content []byte) {
					for _, address := range to {
						got[address] += string(content)
					}
				}
				require.OK(t, s.session(t, &server))
				for to := range want {
					if got[to] != want[to] {
						t.Errorf("%s got %d bytes, want %d (-want +got):\n%.2000s", to, len(got[to]), len(want[to]), cmp.Diff(want[to], got[to]))
					}
				}
			})
		})
	}
}

// envelopeLines makes the top of a file: the two envelope lines in either order,
// and what is between them and belongs to the content.
func envelopeLines(r *rand.Rand, to string) (lines, between string) {
	first, second := "Return-Path: <ann@sender.test>\n", "Delivered-To: "+to+"\n"
	if r.Intn(2) == 0 {
		first, second = second, first
	}
	if r.Intn(2) == 0 {
		between = "X-Between: one\n\ttwo\r\n"
	}
	return first + between + second, between
}

// nextContent makes a message, at times one that differs from the last only at
// its end, or not at all.
func nextContent(r *rand.Rand, last string, large bool) string {
	switch n := r.Intn(4); {
	case n == 0 && len(last) > 100:
		return last
	case n == 1 && len(last) > 100:
		return last[:len(last)-1] + string(rune('a'+r.Intn(26)))
	}
	var b strings.Builder
	b.WriteString("Received: x\nSubject: odd\n\n")
	pieces := []string{".", "..", "\n", "\n.\n", "\n..", "\r\n", "\r\n.\r\n", "\r", "\r\r\n", "\x00", "\xe4\xf6", "a", "From x", strings.Repeat("long ", 400)}
	most := 60
	if large {
		most = 8000
	}
	for range 1 + r.Intn(most) {
		b.WriteString(pieces[r.Intn(len(pieces))])
	}
	return b.String()
}

// onTheWire is what SMTP makes of a stored message, said in another way than
// package smtp says it.
func onTheWire(stored string) string {
	text := strings.ReplaceAll(stored, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", " ")
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}
