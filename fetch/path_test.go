package fetch

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParsePath(t *testing.T) {
	for _, test := range []struct{ in, text, address, rest string }{
		{"<>", "", "", ""},
		{"<> SIZE=1", "", "", "SIZE=1"},
		{"<a@b.example>", "a@b.example", "a@b.example", ""},
		{"<A.B+c=d@B.Example>  BODY=7BIT X", "A.B+c=d@B.Example", "A.B+c=d@b.example", "BODY=7BIT X"},
		{"<postmaster>", "postmaster", "postmaster", ""},
		{`<"a b"@b.example>`, `"a b"@b.example`, "a b@b.example", ""},
		{`<"a\"\\>@<"@b.example>`, `"a\"\\>@<"@b.example`, `a"\>@<@b.example`, ""},
		{"<@r.example,@s.example:a@b.example>", "a@b.example", "a@b.example", ""},
		{"<a@[192.0.2.1]>", "a@[192.0.2.1]", "a@[192.0.2.1]", ""},
		{"<a@[IPv6:2001:DB8::1]>", "a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]", ""},
		{"<.a..b.@b.example>", ".a..b.@b.example", ".a..b.@b.example", ""},
		{"<#@[]>", "?", "", ""},
		{"", "?", "", ""},
		{"a@b.example", "?", "", ""},
		{"<a@b.example", "?", "", ""},
		{"<a@b.example>x", "?", "", ""},
		{"<a b@c.example>", "?", "", ""},
		{"<a@b@c.example>", "?", "", ""},
		{"<a@>", "?", "", ""},
		{"<@b.example>", "?", "", ""},
		{"<@b.example:>", "?", "", ""},
		{`<"a"b@c.example>`, "?", "", ""},
		{`<""@c.example>`, "?", "", ""},
		{`<"a@c.example>`, "?", "", ""},
		{"<a\x00@c.example>", "?", "", ""},
		{"<\"a\x7f\"@c.example>", "?", "", ""},
		{"<a@c\x01.example>", "?", "", ""},
		{"<a@c.example;d.example>", "?", "", ""},
		{"<a@[x]y>", "?", "", ""},
		{"<" + strings.Repeat("a", maxPath) + "@b.example>", "?", "", ""},
	} {
		p, rest, err := parsePath(test.in)
		if test.text == "?" {
			if err == nil {
				t.Errorf("%q: got %q, want an error", test.in, p.text)
			}
			continue
		}
		if err != nil || p.text != test.text || p.address() != test.address || rest != test.rest {
			t.Errorf("%q: got %q, %q, %q, %v", test.in, p.text, p.address(), rest, err)
		}
	}
}

// A path that was taken can be said again and means the same, and cannot break a
// header line.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"<>", `<"a\"\\>@<"@b.example> SIZE=1`, "<@r.example:a@b.example>", "<a@[IPv6:::1]>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, rest, err := parsePath(s)
		if err != nil {
			return
		}
		reread, _, err := parsePath("<" + p.text + ">")
		if err != nil || reread != p {
			t.Errorf("%q: got %+v, then %+v, %v", s, p, reread, err)
		}
		if strings.ContainsFunc(p.text+p.address(), func(c rune) bool { return c < ' ' || c == 0x7f }) {
			t.Errorf("%q: a control character in %q, %q", s, p.text, p.address())
		}
		if !strings.HasSuffix(s, rest) || len(p.address()) > len(p.text) {
			t.Errorf("%q: rest %q, address %q", s, rest, p.address())
		}
	})
}

func TestParseAddress(t *testing.T) {
	for _, test := range []struct{ in, host, port string }{
		{"mail.example.net", "mail.example.net", "366"},
		{"mail.example.net:25", "mail.example.net", "25"},
		{"mail.example.net:smtp", "mail.example.net", "smtp"},
		{"192.0.2.1:1366", "192.0.2.1", "1366"},
		{"2001:db8::1", "2001:db8::1", "366"},
		{"fe80::1%eth0", "fe80::1%eth0", "366"},
		{"[2001:db8::1]", "2001:db8::1", "366"},
		{"[2001:db8::1]:25", "2001:db8::1", "25"},
		{"", "", ""},
		{":25", "", ""},
		{"a:", "", ""},
		{"a:0", "", ""},
		{"a:70000", "", ""},
		{"a:x y", "", ""},
		{"a b", "", ""},
		{"[::1", "", ""},
		{"[::1]25", "", ""},
		{"http://a", "", ""},
	} {
		a, err := ParseAddress(test.in, PortODMR)
		if test.host == "" {
			if ExitCode(err) != ExitMisuse {
				t.Errorf("%q: got %v, %v, want misuse", test.in, a, err)
			}
			continue
		}
		if err != nil || a.Host != test.host || a.Port != test.port {
			t.Errorf("%q: got %+v, %v", test.in, a, err)
		}
	}
}

func TestParseDomains(t *testing.T) {
	got, err := ParseDomains("a.example,bücher.example")
	if err != nil || len(got) != 2 || got[1] != "bücher.example" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", ",", "a.example,", "a.example, b.example", "a@b.example", "a\r\nQUIT", strings.Repeat("a", 300)} {
		if got, err := ParseDomains(bad); ExitCode(err) != ExitMisuse {
			t.Errorf("%q: got %q, %v", bad, got, err)
		}
	}
}

func TestPrintable(t *testing.T) {
	got := headerWord("a (b)\r\n" + strings.Repeat("ü", 200))
	if strings.ContainsAny(got, " ()\r\n") || !utf8.ValidString(got) || !strings.HasPrefix(got, "a??b???") {
		t.Errorf("got %q", got)
	}
}
