package address

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQuote(t *testing.T) {
	tests := []struct{ raw, quoted string }{
		{"", ""},
		{"ann@s.test", "ann@s.test"},
		{"first.last@s.test", "first.last@s.test"},
		{"list-x=y.test@s.test", "list-x=y.test@s.test"},
		{"#@[]", "#@[]"},
		{"ann", "ann"},
		{"two words", `"two words"`},
		{`"odd sender"@s.test`, `"\"odd sender\""@s.test`}, // fixtures: Return-Path of qmail-local
		{`back\slash@s.test`, `"back\\slash"@s.test`},
		{"a@b@s.test", `"a@b"@s.test`},
		{".lead@s.test", `".lead"@s.test`},
		{"trail.@s.test", `"trail."@s.test`},
		{"do..uble@s.test", `"do..uble"@s.test`},
		{"@s.test", `""@s.test`},
		{"jürgen@s.test", "jürgen@s.test"},
		{"ann@", "ann@"},
	}
	for _, tt := range tests {
		if got, err := Quote(tt.raw); got != tt.quoted || err != nil {
			t.Errorf("Quote(%q) = %q, %v; want %q", tt.raw, got, err, tt.quoted)
		}
		if got := Unquote(tt.quoted); got != tt.raw {
			t.Errorf("Unquote(%q) = %q, want %q", tt.quoted, got, tt.raw)
		}
	}
}

func TestQuoteRefuses(t *testing.T) {
	for _, raw := range []string{"a\x00b@s.test", "a\rb@s.test", "a\nb@s.test", "a@s\n.test", "a\x7f@s.test",
		"a@s.test> SIZE=1", "a@s test", "a@<s", `a@"s`, `a@s\`} {
		if got, err := Quote(raw); err != ErrSyntax {
			t.Errorf("Quote(%q) = %q, %v", raw, got, err)
		}
	}
}

func TestUnquoteOfWhatIsNoQuotedString(t *testing.T) {
	for _, quoted := range []string{`"open@s.test`, `"open\`, `"`, `a"b"@s.test`, `a\b@s.test`} {
		if got := Unquote(quoted); got != quoted {
			t.Errorf("Unquote(%q) = %q", quoted, got)
		}
	}
	if got := Unquote(`"need\less"@s.test`); got != "needless@s.test" {
		t.Errorf("got %q", got)
	}
}

func TestSplit(t *testing.T) {
	tests := []struct{ raw, local, domain string }{
		{"a@b", "a", "b"}, {"a@b@c", "a@b", "c"}, {"a", "a", ""}, {"@b", "", "b"}, {"a@", "a", ""}, {"", "", ""},
	}
	for _, tt := range tests {
		if local, domain := Split(tt.raw); local != tt.local || domain != tt.domain {
			t.Errorf("Split(%q) = %q, %q", tt.raw, local, domain)
		}
	}
}

func TestUnquoteUndoesQuote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		local := rapid.StringOf(rapid.RuneFrom([]rune(`ab.@"\ <>é#,`))).Draw(t, "local")
		domain := rapid.StringMatching(`[a-z.\[\]:0-9é-]*`).Draw(t, "domain")
		checkQuote(t, local+"@"+domain, true)
	})
}

// checkQuote checks what must hold for each address that can be quoted.
func checkQuote(t interface{ Fatalf(string, ...any) }, raw string, valid bool) {
	quoted, err := Quote(raw)
	if err != nil {
		if valid {
			t.Fatalf("Quote(%q): %v", raw, err)
		}
		return
	}
	if back := Unquote(quoted); back != raw {
		t.Fatalf("Unquote(Quote(%q)) = %q, by way of %q", raw, back, quoted)
	}
	if end := pathEnd(quoted); end != len(quoted) {
		t.Fatalf("Quote(%q) = %q ends a path at %d", raw, quoted, end)
	}
}

// pathEnd finds the byte that a reader of `<quoted>` would take for the end of the path, or a
// byte that no command line may hold.
func pathEnd(quoted string) int {
	inQuotes := false
	for i := 0; i < len(quoted); i++ {
		switch c := quoted[i]; {
		case c < ' ' || c == 0x7f:
			return i
		case inQuotes && c == '\\':
			i++
		case c == '"':
			inQuotes = !inQuotes
		case !inQuotes && strings.IndexByte(" <>", c) >= 0:
			return i
		}
	}
	return len(quoted)
}

func FuzzQuote(f *testing.F) {
	for _, raw := range []string{"", "a@b", `"odd sender"@s.test`, "a\\@b", "x> y@z", "\xff@\xfe", "#@[]"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		checkQuote(t, raw, false)
		Unquote(raw)
	})
}

// FuzzUnquote: what Unquote makes of an address, Quote can write again so that it
// means the same, and nothing gets longer.
func FuzzUnquote(f *testing.F) {
	for _, seed := range []string{"", "a@b", `"a b"@c`, `"a\"b"@c`, `"a\`, `"`, `""@b`, `"a"b@c`, `"a"@"b"`, `a"b"@c`, "\"\xff\"@\xfe", `"need\less"@s.test`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, quoted string) {
		raw := Unquote(quoted)
		if len(raw) > len(quoted) {
			t.Errorf("Unquote(%q) = %q", quoted, raw)
		}
		if raw != quoted && quoted[0] != '"' {
			t.Errorf("Unquote(%q) = %q without quotes", quoted, raw)
		}
		checkQuote(t, raw, false)
	})
}

// Each name with what IsSafe, IsDomain, IsDomain with literals, IsHost and CheckDomain say.
func TestDomainRules(t *testing.T) {
	long := strings.Repeat("a", 63)
	for name, want := range map[string]string{
		"example.org": "safe domain literal host ok",
		"_spf.A-1.b":  "safe domain literal host ok",
		"a..b":        "safe domain literal host form",
		"-a.b":        "safe domain literal host form",
		long + "a.b":  "safe domain literal host long",
		long + "." + long + "." + long + "." + long + ".": "safe domain literal - long",
		"münchen.de":  "safe domain literal - form",
		"a:25":        "safe - - - form",
		"[192.0.2.1]": "safe domain literal - form",
		"[::1]":       "safe - literal - form",
		"[]":          "safe domain - - form",
		"a]":          "safe domain - - form",
		"a b":         "- - - - form",
		"a,b":         "- - - - form",
		"a@b":         "- - - - form",
		"a\x00b":      "- - - - form",
		"a\x7fb":      "- - - - form",
		"a>b":         "- - - - form",
		"":            "- - - - form",
	} {
		words := []string{"-", "-", "-", "-", "ok"}
		for i, is := range []bool{IsSafe(name), IsDomain(name, false), IsDomain(name, true), IsHost(name)} {
			if is {
				words[i] = []string{"safe", "domain", "literal", "host"}[i]
			}
		}
		switch CheckDomain(name) {
		case ErrLong:
			words[4] = "long"
		case ErrForm:
			words[4] = "form"
		}
		if got := strings.Join(words, " "); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

func TestCutLocal(t *testing.T) {
	for address, want := range map[string][2]string{
		"a@b": {"a", "@b"}, ".a..@b": {".a..", "@b"}, `"a @b"@c`: {"a @b", "@c"}, `"a\"b"`: {`a"b`, ""}, `""@b`: {"", "@b"}, "é@b": {"é", "@b"},
	} {
		if raw, rest, ok := CutLocal(address); !ok || raw != want[0] || rest != want[1] {
			t.Errorf("%q: got %q, %q, %v", address, raw, rest, ok)
		}
	}
	for _, address := range []string{"", "@b", `"a`, `"a\`, `"`, "(a", " a"} {
		if raw, rest, ok := CutLocal(address); ok {
			t.Errorf("%q: got %q, %q", address, raw, rest)
		}
	}
}

// The Kelvin sign has an ASCII letter as its lower case, the dotless i one as its upper.
func TestFoldingIsASCII(t *testing.T) {
	const others = "\u212a\u0131\xff[`{@"
	if got := Lower("AZaz" + others); got != "azaz"+others {
		t.Errorf("Lower gave %q", got)
	}
	if got := Upper("AZaz" + others); got != "AZAZ"+others {
		t.Errorf("Upper gave %q", got)
	}
}
