package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// BenchmarkSession relays 4 KiB messages to a server on the other end of a
// socket pair; one operation is one message.
func BenchmarkSession(b *testing.B) {
	for mode, server := range modes() {
		b.Run(mode, func(b *testing.B) {
			s := newSite(b, standardSite(b))
			body := strings.Repeat(strings.Repeat("x", 71)+"\n", 4096/72)
			for i := range b.N {
				name := filepath.Join(s.maildir, "new", fmt.Sprintf("%d.%d.vm", 1795336000+i/100, i))
				text := fmt.Sprintf("Return-Path: <ann@sender.test>\nDelivered-To: r%d@example.org\nReceived: x\nSubject: %d\n\n%s", i, i, body)
				require.OK(b, os.WriteFile(name, []byte(text), 0o600))
			}
			server.Discard = true
			b.ReportAllocs()
			b.ResetTimer()
			require.OK(b, s.session(b, &server))
		})
	}
}
