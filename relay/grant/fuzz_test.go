package grant

import (
	"slices"
	"strings"
	"testing"
)

// FuzzParseDomains: a list comes back as it was, in lower case, or not at all; its
// domains are ASCII names within RFC 5321's limits; and a list is good exactly
// if its parts are.
func FuzzParseDomains(f *testing.F) {
	for _, seed := range []string{
		"", "a.example", "A.Example,b.example", ",", "a.example,", ",a.example", "a.example, b.example", "a.example b.example",
		"a..example", ".a", "a.", "-a.example", "a-.example", "a_b.example", "xn--bcher-kva.example", "b\u00fccher.example",
		"\u212aelvin.example", "a.example\r\nQUIT", "a\x00b", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "aa",
		strings.Repeat("a", 63) + ".example", "*@a.example", "[192.0.2.1]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		domains, err := ParseDomains(arg)
		if err != nil {
			if domains != nil {
				t.Errorf("%q: %q beside the error %v", arg, domains, err)
			}
		} else if arg != "" && !equalASCII(strings.Join(domains, ","), arg) {
			t.Errorf("%q gave %q", arg, domains)
		}
		for _, domain := range domains {
			if domain == "" || len(domain) > 255 || strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" ||
				strings.Contains(domain, "..") || strings.Contains(domain, "-.") || strings.Contains(domain, ".-") {
				t.Errorf("%q gave the domain %q", arg, domain)
			}
		}
		if first, rest, found := strings.Cut(arg, ","); found {
			_, err1 := ParseDomains(first)
			_, err2 := ParseDomains(rest)
			if good := first != "" && rest != "" && err1 == nil && err2 == nil; good != (err == nil) {
				t.Errorf("%q: %v, its parts: %v, %v", arg, err, err1, err2)
			}
		}
	})
}

// FuzzAskedDomains: what a customer asks for is what a strict list says, but for blanks
// around domains and for dots at their ends. Nothing but an empty argument means all
// domains.
func FuzzAskedDomains(f *testing.F) {
	for _, seed := range []string{
		"", ".", ",", " ", "a.example", "a.example.", "a.example, b.example", "a.,b..", " a. ,\tb.", "a. b.", "a.example,.",
		"a.example, ", "\ta.example\t", "A.example. , b_b.Example", "a.example.,,b", "a\x0b,b", "a,b.\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		got, err := AskedDomains(arg)
		if (got == nil) != (arg == "" || err != nil) {
			t.Fatalf("%q gave %q, %v", arg, got, err)
		}
		plain := strings.NewReplacer(" ", "", "\t", "").Replace(arg)
		plain = strings.TrimSuffix(strings.ReplaceAll(plain, ".,", ","), ".")
		if err == nil && !equalASCII(strings.Join(got, ","), plain) {
			t.Errorf("%q gave %q", arg, got)
		}
		strict, strictErr := ParseDomains(arg)
		if strictErr == nil && (err != nil || !slices.Equal(got, strict)) {
			t.Errorf("%q gave %q, %v, and %q as a strict list", arg, got, err, strict)
		}
	})
}

// equalASCII says that got is s but for the case of ASCII letters.
func equalASCII(got, s string) bool {
	for i := range len(s) {
		if len(got) != len(s) || got[i] != s[i] && (got[i] != s[i]|0x20 || s[i] < 'A' || s[i] > 'Z') {
			return false
		}
	}
	return len(got) == len(s)
}
