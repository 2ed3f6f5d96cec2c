package qmail

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
		if got, err := Quote(raw); err != ErrAddress {
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

// pathEnd finds where a reader of `<quoted>` would see the end of the path, or a
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
