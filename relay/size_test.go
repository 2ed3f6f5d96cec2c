package relay

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/require"
)

// large is a content over 1 MiB, so that it streams, of short lines, which grow much
// on the way.
func large(end string) string {
	return "Received: x\nSubject: large\n\n" + strings.Repeat(strings.Repeat("0123456", 9)+"\n", (1<<20+1<<18)/64) + end
}

// TestSizeOfStreams: a message that streams is announced like any other: SIZE= is
// what BDAT carries, without DATA's dots, and BODY=8BITMIME is said only if
// it is needed.
func TestSizeOfStreams(t *testing.T) {
	require.Time(t)
	t.Parallel()
	for name, test := range map[string]struct {
		content string
		body    string
	}{
		"ASCII":           {large(""), ""},
		"dots":            {large(strings.Repeat(".\n", 1000)), ""},
		"no last newline": {large("end"), ""},
		"a last CR":       {large("end\r"), ""},
		"a last 8-bit":    {large("\xe4"), " BODY=8BITMIME"},
		"stray CR":        {large(strings.Repeat("\r", 200_000)), ""},
		"CRLF":            {strings.ReplaceAll(large(""), "\n", "\r\n"), ""},
	} {
		for mode, server := range modes() {
			t.Run(name+" "+mode, func(t *testing.T) {
				size := len(onTheWire("X-Between: one\n" + test.content))
				for offers, want := range map[string]string{
					"":              "",
					"SIZE":          fmt.Sprintf(" SIZE=%d", size),
					"8BITMIME":      test.body,
					"SIZE,8BITMIME": fmt.Sprintf(" SIZE=%d%s", size, test.body),
				} {
					// The content that has a BODY shows what becomes of each offer.
					if test.body == "" && offers != "SIZE,8BITMIME" {
						continue
					}
					server.Offers = nil
					if offers != "" {
						server.Offers = strings.Split(offers, ",")
					}
					s := newSite(t, standardSite(t))
					s.write(t, oldest, "Return-Path: <ann@sender.test>\nX-Between: one\nDelivered-To: bob@example.org\n"+test.content)
					if got := s.announced(t, server, size); got != want {
						t.Errorf("%q offered: MAIL has %q, want %q", offers, got, want)
					}
				}
			})
		}
	}
}

// announced runs a session in which the server must get one message of that size,
// and returns MAIL's parameters.
func (s *site) announced(t *testing.T, server customer.Server, size int) (params string) {
	t.Helper()
	octets, taken := 0, 0
	server.Heard = func(line string) {
		if arg, ok := strings.CutPrefix(line, "MAIL FROM:<ann@sender.test>"); ok {
			params = arg
		}
		if words := strings.Fields(line); words[0] == "BDAT" && words[1] != "9" { // 9 is the probe's
			n, err := strconv.Atoi(words[1])
			require.OK(t, err)
			octets += n
		}
	}
	server.Take = func(_ string, _ []string, content []byte) { taken += len(content) }
	require.OK(t, s.session(t, &server))
	if taken != size || server.Chunking && server.Pipelining && octets != size {
		t.Errorf("%d octets taken, %d of them by BDAT, want %d", taken, octets, size)
	}
	return params
}

// TestSizeLimitOfStreams: the server's limit counts what is sent, not what is
// stored. A message over it bounces unsent, and what waits behind it goes.
func TestSizeLimitOfStreams(t *testing.T) {
	content := large("")
	size := len(onTheWire(content))
	for mode, server := range modes() {
		for limit, fits := range map[int]bool{size: true, size - 1: false, len(content) + 1: false} {
			t.Run(fmt.Sprintf("%s %d", mode, limit), func(t *testing.T) {
				s := newSite(t, standardSite(t))
				s.write(t, oldest, "Return-Path: <ann@sender.test>\nDelivered-To: bob@example.org\n"+content)
				s.fill(t, 1)
				server.Offers = []string{fmt.Sprintf("SIZE %d", limit)}
				var offered, taken []string
				server.Rcpt = func(to string) string { offered = append(offered, to); return "" }
				server.Take = func(_ string, to []string, _ []byte) { taken = append(taken, to...) }
				require.OK(t, s.session(t, &server))
				want, bounces := recipient(0), "<> -> <ann@sender.test>\n"
				if fits {
					want, bounces = "bob@example.org "+want, ""
				}
				if fmt.Sprint(offered) != "["+want+"]" || fmt.Sprint(taken) != "["+want+"]" || s.left(t) != "" {
					t.Errorf("offered %v, taken %v, left %q; want %s taken", offered, taken, s.left(t), want)
				}
				refused := strings.Contains(s.log(t), fmt.Sprintf(`reply="552 5.3.4 its %d octets exceed`, size))
				if envelopes, _ := s.queued(t); envelopes != bounces || refused == fits {
					t.Errorf("bounced %q, want %q; log:\n%s", envelopes, bounces, s.log(t))
				}
			})
		}
	}
}
