package logline

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestPrintableText: what may steer a terminal or deceive the reader is escaped, and
// nothing else.
func TestPrintableText(t *testing.T) {
	for _, test := range [][2]string{
		{"", ""},
		{`550 5.7.1 "no" \ <a@b.example>`, `550 5.7.1 "no" \ <a@b.example>`},
		{"Jürgen, 日本, 😀", "Jürgen, 日本, 😀"},
		{"\x1b[2J\x07", `\u001b[2J\u0007`},
		{"one\r\ntwo\tthree\x00", `one\u000d\u000atwo\u0009three\u0000`},
		{"a\x7fb\u009b31mc\u0085d", `a\u007fb\u009b31mc\u0085d`},
		{"\u202egnp.exe\u202c \u2066x\u2069 \u200f\u061c", `\u202egnp.exe\u202c \u2066x\u2069 \u200f\u061c`},
		{"a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"p\u200bay\u200dpal\ufeff\u2060\u00ad\u034f\ufe0f\u115f\u3164", `p\u200bay\u200dpal\ufeff\u2060\u00ad\u034f\ufe0f\u115f\u3164`},
		{"\U000e0041\U000e0100", `\udb40\udc41\udb40\udd00`},
		{"\x9b31m\xff é\xc3", `\x9b31m\xff é\xc3`},
		{"\ufffd stays", "\ufffd stays"},
	} {
		if got := Printable(test[0]); got != test[1] {
			t.Errorf("%q: got %s, want %s", test[0], got, test[1])
		}
	}
}

// FuzzPrintable: nothing harmful comes through; what is harmless stays as it is; and
// JSON text keeps its meaning.
func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x1b\u202e\u2028\u200b\xff", "\U000e0041\\u0041"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Printable(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) ||
			strings.ContainsAny(got, "\u2028\u2029\u202a\u202e\u2066\u2069\u200b\u200d\ufeff") {
			t.Fatalf("%q became %q", text, got)
		}
		if Printable(got) != got {
			t.Fatalf("%q became %q, and that %q", text, got, Printable(got))
		}
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		if err := json.Unmarshal(encoded, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(Printable(string(encoded))), &after); err != nil || before != after {
			t.Fatalf("%q in JSON became %q, %v", before, after, err)
		}
	})
}
