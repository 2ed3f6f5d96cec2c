package proxyheader_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"vodmr/internal/proxyheader"
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// v2 makes a header of version 2 by hand.
func v2(command, family byte, body string) string {
	length := binary.BigEndian.AppendUint16(nil, uint16(len(body)))
	return signature + string([]byte{0x20 | command, family}) + string(length) + body
}

// extension is one type, length and value.
func extension(kind byte, value string) string {
	return string([]byte{kind}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(value)))) + value
}

// tls is a balancer's word on TLS.
func tls(flags byte, version string) string {
	return extension(0x20, string([]byte{flags, 0, 0, 0, 0})+extension(0x21, version))
}

// summed is a header of version 2 with the right checksum in it.
func summed(body string) string {
	text := []byte(v2(1, 0x11, body+extension(3, "\x00\x00\x00\x00")))
	sum := crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(text[len(text)-4:], sum)
	return string(text)
}

const (
	four = "\xc0\x00\x02\x07" + "\xc6\x33\x64\x01" + "\x10\x01" + "\x01\x6e" // 192.0.2.7:4097 to 198.51.100.1:366
	six  = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x10\x01" + "\x01\x6e"
)

var (
	to4 = proxyheader.Header{
		Customer: netip.MustParseAddrPort("192.0.2.7:4097"), Server: netip.MustParseAddrPort("198.51.100.1:366"),
	}
	to6 = proxyheader.Header{
		Customer: netip.MustParseAddrPort("[2001:db8::7]:4097"), Server: netip.MustParseAddrPort("[2001:db8::1]:366"),
	}
)

func overTLS(h proxyheader.Header, version string) proxyheader.Header {
	h.TLS = version
	return h
}

// good are headers and what they mean.
var good = map[string]struct {
	text string
	want proxyheader.Header
}{
	"v1, IPv4":                  {"PROXY TCP4 192.0.2.7 198.51.100.1 4097 366\r\n", to4},
	"v1, IPv6":                  {"PROXY TCP6 2001:db8::7 2001:db8::1 4097 366\r\n", to6},
	"v1, unknown":               {"PROXY UNKNOWN\r\n", proxyheader.Header{}},
	"v1, unknown and more":      {"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", proxyheader.Header{}},
	"v1, 107 bytes":             {"PROXY UNKNOWN " + strings.Repeat("x", 91) + "\r\n", proxyheader.Header{}},
	"v2, IPv4":                  {v2(1, 0x11, four), to4},
	"v2, IPv6":                  {v2(1, 0x21, six), to6},
	"v2, local":                 {v2(0, 0x11, four), proxyheader.Header{}},
	"v2, local without a word":  {v2(0, 0, ""), proxyheader.Header{}},
	"v2, unspecified":           {v2(1, 0, "anything"), proxyheader.Header{}},
	"v2, UNIX":                  {v2(1, 0x31, strings.Repeat("/", 216)), proxyheader.Header{}},
	"v2, checksum":              {summed(four), to4},
	"v2, checksum of more":      {summed(four + extension(5, "an id")), to4},
	"v2, unknown extension":     {v2(1, 0x11, four+extension(0xe0, "x")), to4},
	"v2, TLS":                   {v2(1, 0x11, four+tls(1, "TLSv1.3")), overTLS(to4, "TLSv1.3")},
	"v2, customer without TLS":  {v2(1, 0x11, four+tls(0, "TLSv1.3")), to4},
	"v2, 536 bytes in all":      {v2(1, 0x11, four+extension(4, strings.Repeat("x", 536-16-12-3))), to4},
	"v2, IPv4 inside IPv6 text": {"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 4097 366\r\n", to4},
}

// Each header is read, whatever the pieces it comes in, and not one byte of what stands
// behind it.
func TestRead(t *testing.T) {
	for name, test := range good {
		t.Run(name, func(t *testing.T) {
			for _, pieces := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
				rest := strings.NewReader(test.text + "EHLO me\r\n")
				got, err := proxyheader.Read(pieces(rest))
				if err != nil || got != test.want {
					t.Errorf("got %+v, %v, want %+v", got, err, test.want)
				}
				if left, _ := io.ReadAll(rest); string(left) != "EHLO me\r\n" {
					t.Errorf("behind the header %q is left", left)
				}
			}
		})
	}
}

// A header that is cut off at any byte is never believed.
func TestCut(t *testing.T) {
	for name, test := range good {
		for n := range len(test.text) {
			got, err := proxyheader.Read(strings.NewReader(test.text[:n]))
			want := proxyheader.ErrCut
			if n == 0 {
				want = proxyheader.ErrNone
			}
			if !errors.Is(err, want) || got != (proxyheader.Header{}) {
				t.Errorf("%s, %d bytes of it: %+v, %v", name, n, got, err)
			}
		}
	}
}

func TestWrong(t *testing.T) {
	badSum := []byte(summed(four))
	badSum[20]++
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"SMTP":                  {"EHLO mail.example.net\r\n", "no PROXY header"},
		"TLS":                   {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00", "no PROXY header"},
		"lower case":            {"proxy TCP4 192.0.2.7 198.51.100.1 4097 366\r\n", "no PROXY header"},
		"v1, 108 bytes":         {"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", "too long"},
		"v1, no end":            {strings.Repeat("PROXY ", 100), "too long"},
		"v1, bare LF":           {"PROXY TCP4 192.0.2.7 198.51.100.1 4097 366\n", "CR LF"},
		"v1, other protocol":    {"PROXY UDP4 192.0.2.7 198.51.100.1 4097 366\r\n", "UDP4"},
		"v1, two blanks":        {"PROXY TCP4  192.0.2.7 198.51.100.1 4097 366\r\n", "7 words"},
		"v1, a word is missing": {"PROXY TCP4 192.0.2.7 198.51.100.1 4097\r\n", "5 words"},
		"v1, wrong family":      {"PROXY TCP4 2001:db8::7 198.51.100.1 4097 366\r\n", "2001:db8::7"},
		"v1, a zone":            {"PROXY TCP6 fe80::1%eth0 2001:db8::1 4097 366\r\n", "eth0"},
		"v1, port too large":    {"PROXY TCP4 192.0.2.7 198.51.100.1 65536 366\r\n", "65536"},
		"v1, port with a zero":  {"PROXY TCP4 192.0.2.7 198.51.100.1 04097 366\r\n", "04097"},
		"v1, a newline":         {"PROXY TCP4 192.0.2.7\nX 198.51.100.1 4097 366\r\n", "CR LF"},
		"v2, too long":          {v2(1, 0x11, four+extension(4, strings.Repeat("x", 536-16-12-2))), "too long"},
		"v2, 65535 bytes":       {signature + "\x21\x11\xff\xff", "too long"},
		"v2, version 3":         {signature + "\x31\x11\x00\x0c" + four, "version 3"},
		"v2, command 2":         {v2(2, 0x11, four), "command 2"},
		"v2, no room":           {v2(1, 0x21, four), "no room"},
		"v2, torn extension":    {v2(1, 0x11, four+"\x04\x00\x02x"), "cut off"},
		"v2, half extension":    {v2(1, 0x11, four+"\x04\x00"), "cut off"},
		"v2, checksum":          {string(badSum), "checksum is wrong"},
		"v2, short checksum":    {v2(1, 0x11, four+extension(3, "abc")), "3 bytes"},
		"v2, TLS forged":        {v2(1, 0x11, four+tls(1, "TLSv1.3\nX=1")), "no version of TLS"},
		"v2, TLS without words": {v2(1, 0x11, four+extension(0x20, "\x01\x00\x00\x00\x00")), "no version of TLS"},
		"v2, TLS cut":           {v2(1, 0x11, four+extension(0x20, "\x01")), "cut off"},
	} {
		got, err := proxyheader.Read(strings.NewReader(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) || got != (proxyheader.Header{}) {
			t.Errorf("%s: %+v, %v, want an error with %q", name, got, err, test.want)
		}
	}
}

func TestReadersOwnError(t *testing.T) {
	slow := errors.New("too slow")
	_, err := proxyheader.Read(io.MultiReader(strings.NewReader("PROXY TCP4 "), iotest.ErrReader(slow)))
	if !errors.Is(err, slow) {
		t.Errorf("got %v, want %v", err, slow)
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{
		"PROXY TCP4 1.2.3.4 ": true, v2(0, 0, ""): true, "PROXY": false, "EHLO PROXY ": false, "\r\n\r\n": false, "": false,
	} {
		if got := proxyheader.Is([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// FuzzRead: no more bytes are taken than a header may have, a customer never comes
// without a server, and what was read has no byte that could forge a line or a setting.
func FuzzRead(f *testing.F) {
	for _, test := range good {
		f.Add([]byte(test.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bytes.NewReader(text)
		h, err := proxyheader.Read(r)
		if taken := len(text) - r.Len(); taken > proxyheader.MaxV2 {
			t.Errorf("%d bytes are taken", taken)
		}
		if err != nil && h != (proxyheader.Header{}) {
			t.Errorf("%+v beside %v", h, err)
		}
		if h.Customer.IsValid() != h.Server.IsValid() {
			t.Errorf("half an address: %+v", h)
		}
		if strings.ContainsFunc(h.TLS, func(c rune) bool { return c <= ' ' || c > '~' }) {
			t.Errorf("TLS %q", h.TLS)
		}
	})
}
