package smtp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseExtensions(t *testing.T) {
	for _, test := range []struct {
		name, lines string
		want        Extensions
	}{
		{"nothing", "mx.test", Extensions{}},
		{"all", "mx.test|PIPELINING|CHUNKING|8BITMIME|SMTPUTF8|SIZE 1000|LIMITS RCPTMAX=5 MAILMAX=10 RCPTDOMAINMAX=1",
			Extensions{Pipelining: true, Chunking: true, EightBitMIME: true, SMTPUTF8: true, SizeOffered: true, Size: 1000, MailMax: 10, RcptMax: 5, RcptDomainMax: 1}},
		{"any case, spaces and tabs", "mx.test|pipelining |Chunking\t| size\t 7 |limits  rcptmax=3",
			Extensions{Pipelining: true, Chunking: true, SizeOffered: true, Size: 7, RcptMax: 3}},
		{"the first line is the name", "PIPELINING", Extensions{}},
		{"the first line with a keyword", "mx.test PIPELINING|CHUNKING", Extensions{Chunking: true}},
		{"words that only begin so", "mx.test|PIPELININGX|XPIPELINING|8BITMIME=1|X PIPELINING", Extensions{}},
		{"empty lines", "mx.test|||CHUNKING|", Extensions{Chunking: true}},
		{"SIZE without a limit", "mx.test|SIZE", Extensions{SizeOffered: true}},
		{"SIZE 0 is no limit", "mx.test|SIZE 0", Extensions{SizeOffered: true}},
		{"SIZE of 20 digits", "mx.test|SIZE 99999999999999999999", Extensions{SizeOffered: true}},
		{"SIZE of the largest number", "mx.test|SIZE 9223372036854775807", Extensions{SizeOffered: true, Size: 1<<63 - 1}},
		{"SIZE without sense", "mx.test|SIZE big|SIZE -1|SIZE -99999999999999999999|SIZE 1k|SIZE 0x10", Extensions{}},
		{"SIZE without sense behind one with", "mx.test|SIZE 5|SIZE big", Extensions{SizeOffered: true, Size: 5}},
		{"LIMITS without sense", "mx.test|LIMITS|LIMITS RCPTMAX RCPTMAX= RCPTMAX=0 RCPTMAX=-1 RCPTMAX=x MAILMAX=99999999999999999999 =5 FOO=5", Extensions{}},
		{"LIMITS without sense behind one with", "mx.test|LIMITS RCPTMAX=5|LIMITS RCPTMAX=0", Extensions{RcptMax: 5}},
		{"LIMITS beside some without sense", "mx.test|LIMITS FOO=1 RCPTMAX=x MailMax=20", Extensions{MailMax: 20}},
	} {
		if diff := cmp.Diff(test.want, ParseExtensions(strings.Split(test.lines, "|"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if diff := cmp.Diff(Extensions{}, ParseExtensions(nil)); diff != "" {
		t.Errorf("no lines: %s", diff)
	}
}

// FuzzExtensions: no limit is negative, a size needs SIZE, and neither the case of
// letters nor the spaces around words change anything.
func FuzzExtensions(f *testing.F) {
	for _, seed := range []string{
		"mx.test\nSIZE 1000\nLIMITS RCPTMAX=5", "", "mx.test\n\u017fIZE 5", "mx.test\nSIZE\nSIZE 5\nSIZE x",
		"mx.test\nPIPELINING\nCHUNKING\n8BITMIME\nSMTPUTF8", "mx.test\n\xff\nsize +7\nlimits rcptmax=+5 mailmax=99999999999999999999",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x := ParseExtensions(strings.Split(text, "\n"))
		if x.Size < 0 || x.MailMax < 0 || x.RcptMax < 0 || x.RcptDomainMax < 0 || x.Size > 0 && !x.SizeOffered {
			t.Fatalf("%q: %+v", text, x)
		}
		if len(strings.Split(text, "\n")) == 1 && x != (Extensions{}) {
			t.Fatalf("%q: %+v of the server's name", text, x)
		}
		// Letters that only look like ASCII ones in upper case are other letters.
		other := strings.Split(strings.ReplaceAll(text, "\u017f", "_"), "\n")
		if diff := cmp.Diff(x, ParseExtensions(other)); diff != "" {
			t.Fatalf("%q with a long s counting as S:\n%s", text, diff)
		}
		spaced := " " + strings.ReplaceAll(lower(text), "\n", " \n\t")
		if diff := cmp.Diff(x, ParseExtensions(strings.Split(spaced, "\n"))); diff != "" {
			t.Fatalf("%q in lower case, spaced:\n%s", text, diff)
		}
	})
}

// lower changes ASCII letters only.
func lower(s string) string {
	return string(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s))
}

// TestIgnore: an extension that is ignored counts as not offered; others stay.
func TestIgnore(t *testing.T) {
	all := ParseExtensions(strings.Split("mx.test|PIPELINING|CHUNKING|8BITMIME|SMTPUTF8|SIZE 1000|LIMITS RCPTMAX=5 MAILMAX=10 RCPTDOMAINMAX=1", "|"))
	for name, change := range map[string]func(x *Extensions){
		"PIPELINING":          func(x *Extensions) { x.Pipelining = false },
		"chunking":            func(x *Extensions) { x.Chunking = false },
		"8BitMime":            func(x *Extensions) { x.EightBitMIME = false },
		"SMTPUTF8":            func(x *Extensions) { x.SMTPUTF8 = false },
		"SIZE":                func(x *Extensions) { x.SizeOffered, x.Size = false, 0 },
		"LIMITS":              func(x *Extensions) { x.MailMax, x.RcptMax, x.RcptDomainMax = 0, 0, 0 },
		"EnhancedStatusCodes": func(x *Extensions) { x.NoEnhanced = true },
		"DSN":                 func(*Extensions) {},
	} {
		got, want := all, all
		got.Ignore(name)
		change(&want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
