package hostile

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// headers are whole ones, of version 1 and of version 2 with a word on TLS.
var headers = []string{
	"PROXY TCP4 192.0.2.7 198.51.100.1 4097 366\r\n",
	"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x1e\xc0\x00\x02\x07\xc6\x33\x64\x01\x10\x01\x01\x6e\x20\x00\x0f\x01\x00\x00\x00\x00\x21\x00\x07TLSv1.3",
}

// A header that ends at any of its bytes: the chain says nothing, runs nothing and ends.
func TestHeaderTornInEachByte(t *testing.T) {
	t.Parallel()
	s := newSite(t, "30")
	log, err := os.Create(s.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for number, header := range headers {
		for n := range len(header) {
			p := s.dial(t, config{checkpw: "vodmr-checkpw", tls: "none", proxy: "192.0.2.66"}, log)
			p.Send(header[:n])
			p.CloseWrite()
			p.ExpectEnd()
			p.finish()
			if p.code != 1 || p.tap.heard() != "" {
				t.Errorf("version %d, %d bytes: exit code %d, %q", number+1, n, p.code, p.tap.heard())
			}
		}
	}
	text, err := os.ReadFile(s.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(string(text), " refused ip=192.0.2.66 error="), len(headers[0])+len(headers[1]); got != want {
		t.Errorf("the log has %s refusals, want %s: %s", strconv.Itoa(got), strconv.Itoa(want), text)
	}
}
