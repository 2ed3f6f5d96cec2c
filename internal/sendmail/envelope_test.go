package sendmail

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// code is the exit code of an error, 0 without one.
func code(t *testing.T, err error) int {
	t.Helper()
	var f *Failure
	if err != nil && !errors.As(err, &f) {
		t.Fatalf("%v is no Failure", err)
	}
	if f == nil {
		return 0
	}
	return f.Code
}

func TestParseEnvelope(t *testing.T) {
	fits := strings.Repeat("a", maxAddress)
	for text, want := range map[string]int{
		"Fann@s.test\x00Tbob@x.test\x00\x00":      0,
		"F\x00Tbob@x.test\x00Teve@x.test\x00\x00": 0,
		"F" + fits + "\x00T" + fits + "\x00\x00":  0,
		"F\x00Tbob@x.test\x00\x00more":            0, // qmail-queue does not read on either
		"":                                        CodeRead,
		"F":                                       CodeRead,
		"Fann@s.test":                             CodeRead,
		"Fann@s.test\x00":                         CodeRead,
		"Fann@s.test\x00Tbob@x.test":              CodeRead,
		"Fann@s.test\x00Tbob@x.test\x00":          CodeRead,
		"Fann@s.test\x00Tbob@x.test\x00Teve@x.test": CodeRead,
		"\x00":                                            CodeEnvelope,
		"Tbob@x.test\x00\x00":                             CodeEnvelope,
		"Fann@s.test\x00Fbob@x.test\x00\x00":              CodeEnvelope,
		"Fann@s.test\x00bob@x.test\x00\x00":               CodeEnvelope,
		"Fann@s.test\x00\x00":                             CodeEnvelope,
		"Fann@s.test\x00T\x00\x00":                        CodeEnvelope,
		"F" + fits + "a\x00Tbob@x.test\x00\x00":           CodeLongAddress,
		"Fann@s.test\x00Tbob@x\x00T" + fits + "a\x00\x00": CodeLongAddress,
	} {
		_, err := parseEnvelope(text)
		if got := code(t, err); got != want {
			t.Errorf("%.40q: code %d, want %d", text, got, want)
		}
	}
}

func TestArguments(t *testing.T) {
	for raw, want := range map[string]string{
		"":                       "<>",
		"#@[]":                   "<>",
		"ann@s.test":             "ann@s.test",
		"-oQ/tmp@s.test":         "-oQ/tmp@s.test",
		"john doe@s.test":        `"john doe"@s.test`,
		`a"b\c@s.test`:           `"a\"b\\c"@s.test`,
		"a,b@s.test":             `"a,b"@s.test`,
		"a@b@s.test":             `"a@b"@s.test`,
		"bob@x.test,eve@y.test":  `"bob@x.test,eve"@y.test`,
		"a(b)@s.test":            `"a(b)"@s.test`,
		"jörg@müller.test":       "jörg@müller.test",
		"\xff@s.test":            "\xff@s.test",
		"root":                   "root",
		"|touch x":               `"|touch x"`,
		"ann@[192.0.2.1]":        "ann@[192.0.2.1]",
		"ann@[IPv6:2001:db8::1]": "ann@[IPv6:2001:db8::1]",
	} {
		got, err := envelope{raw, []string{"bob@x.test"}}.arguments("/sendmail")
		if !slices.Equal(got, []string{"/sendmail", "-i", "-f", want, "--", "bob@x.test"}) {
			t.Errorf("sender %q: %q, %v", raw, got, err)
		}
		if want == nullSender {
			continue
		}
		got, err = envelope{"", []string{"bob@x.test", raw}}.arguments("/sendmail")
		if !slices.Equal(got, []string{"/sendmail", "-i", "-f", "<>", "--", "bob@x.test", want}) {
			t.Errorf("recipient %q: %q, %v", raw, got, err)
		}
	}
}

func TestAddressesThatNoSendmailGets(t *testing.T) {
	for _, raw := range []string{
		"a\nb@s.test", "a@s.test\r", "a@s.test\nRCPT TO:<b@x.test>", "a\x7f@s.test", "a@s.test,b", "a@s.test>", "a@s.test (x)", "a@s.test;b",
		"list-@host-@[]",
	} {
		for _, e := range []envelope{{raw, []string{"bob@x.test"}}, {"", []string{"bob@x.test", raw}}} {
			if argv, err := e.arguments("/sendmail"); code(t, err) != CodeRefused {
				t.Errorf("%q: %q, %v", e, argv, err)
			}
		}
	}
}
