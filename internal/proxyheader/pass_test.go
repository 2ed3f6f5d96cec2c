package proxyheader_test

import (
	"strings"
	"testing"

	"vodmr/internal/proxyheader"
)

// Each header that can be read comes out of Parse as it was.
func TestPassed(t *testing.T) {
	long := "PROXY TCP6 2001:db8:1111:2222:3333:4444:5555:6666 2001:db8:1111:2222:3333:4444:5555:7777 65535 65535\r\n"
	headers := map[string]string{"longest": long}
	for name, test := range good {
		headers[name] = test.text
	}
	for name, text := range headers {
		h, err := proxyheader.Read(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if h.TLS == "" && name == "longest" {
			h.TLS = "TLSv1.3"
		}
		passed := h.Append(nil)
		if got, err := proxyheader.Parse(passed); got != h || err != nil || len(passed) > proxyheader.MaxPassed {
			t.Errorf("%s: %q is %+v, %v, want %+v", name, passed, got, err, h)
		}
	}
}

// Nothing but what Append writes is a header, whatever a writer in a stranger's hands sends.
func TestPassedByAStranger(t *testing.T) {
	const right = "192.0.2.7:4097\x00198.51.100.1:366\x00TLSv1.3\x00"
	if _, err := proxyheader.Parse([]byte(right)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "\x00", "\x00\x00", "\x00\x00\x00\x00", right + "x", right + "\x00", right[:len(right)-1],
		strings.Replace(right, ":4097", "", 1),
		strings.Replace(right, ":4097", ":04097", 1),
		strings.Replace(right, ":4097", ":65536", 1),
		strings.Replace(right, "192.0.2.7", "192.0.2.07", 1),
		strings.Replace(right, "192.0.2.7", "[fe80::1%eth0]", 1),
		strings.Replace(right, "192.0.2.7", "[::ffff:192.0.2.7]", 1),
		strings.Replace(right, "192.0.2.7", "[2001:DB8::1]", 1),
		strings.Replace(right, "192.0.2.7:4097", "", 1),
		strings.Replace(right, "198.51.100.1:366", "", 1),
		strings.Replace(right, "192.0.2.7", "192.0.2.7\nX=1", 1),
		strings.Replace(right, "TLSv1.3", "TLSv1.3\nSSL_CLIENT_KEY_SHA256=x", 1),
		strings.Replace(right, "TLSv1.3", "SSLv3", 1),
		"\x00\x00TLSv1.3\x00",
		strings.Repeat("1", proxyheader.MaxPassed) + right,
	} {
		if h, err := proxyheader.Parse([]byte(text)); err == nil || h != (proxyheader.Header{}) {
			t.Errorf("%q is %+v, %v", text, h, err)
		}
	}
}

// FuzzParse: a header that Parse takes is one that Append writes.
func FuzzParse(f *testing.F) {
	for _, test := range good {
		f.Add(test.want.Append(nil))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if h, err := proxyheader.Parse(text); err == nil && string(h.Append(nil)) != string(text) {
			t.Errorf("%q is taken as %+v", text, h)
		}
	})
}
