package qmail

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var bounceSettings = Settings{
	BounceFrom: "MAILER-DAEMON", BounceHost: "mail.example",
	DoubleBounceTo: "postmaster", DoubleBounceHost: "admin.example",
}

func aBounce() Bounce {
	return Bounce{
		Settings: bounceSettings,
		Sender:   `"odd one"@s.test`,
		Date:     time.Date(2026, 11, 2, 10, 18, 9, 0, time.FixedZone("", 3600)),
		ID:       "1795300101.k3v9",
		Failures: []Failure{{"bob@example.org", "550 no such user"}, {"eve@example.org", "554 go\naway"}},
		Message:  strings.NewReader("Subject: x\n\nbody\n"),
	}
}

// text reads a bounce in small pieces and checks that all ways give the same.
func text(t *testing.T, b Bounce, message string) string {
	t.Helper()
	var texts [3]string
	for i, reader := range []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader,
	} {
		b.Message = reader(strings.NewReader(message))
		got, err := io.ReadAll(b.Reader())
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(got)
	}
	if texts[0] != texts[1] || texts[0] != texts[2] {
		t.Errorf("it depends on the reader: %q", texts)
	}
	return texts[0]
}

func TestBounceText(t *testing.T) {
	want := `Date: 2 Nov 2026 09:18:09 -0000
Message-ID: <1795300101.k3v9.vodmr@mail.example>
From: <MAILER-DAEMON@mail.example>
To: <"odd one"@s.test>
Subject: failure notice
Auto-Submitted: auto-replied

Hi. This is the vodmr program at mail.example.
Your message could not be delivered to the addresses below.
It will not be tried again.

<bob@example.org>:
550 no such user

<eve@example.org>:
554 go
away

--- Below this line is a copy of the message.

Return-Path: <"odd one"@s.test>
Subject: x

body
`
	if diff := cmp.Diff(want, text(t, aBounce(), "Subject: x\n\nbody\n")); diff != "" {
		t.Error(diff)
	}
}

func TestDoubleBounceText(t *testing.T) {
	b := aBounce()
	b.Sender = ""
	got := text(t, b, "x\n")
	for _, want := range []string{"\nTo: <postmaster@admin.example>\n", "\n\nHi. This is the vodmr program at mail.example.\n",
		"could not be delivered itself", "\nReturn-Path: <>\nx\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestBounceCopiesUpToTheLimit(t *testing.T) {
	const note = "--- The rest is left out: this notice copies 6 bytes.\n"
	tests := []struct {
		message string
		limit   int64
		want    string
	}{
		{"12345\n", 6, "12345\n"},
		{"12345\n7", 6, "12345\n" + note},
		{"1234567", 6, "123456\n" + note},
		{"123456", 6, "123456\n"},
		{"123", 6, "123\n"},
		{"", 6, ""},
		{strings.Repeat("1234567\n", 20000), 0, strings.Repeat("1234567\n", 20000)},
		{"no newline", 0, "no newline\n"},
	}
	for _, tt := range tests {
		b := aBounce()
		b.Settings.BounceMaxBytes = tt.limit
		_, got, _ := strings.Cut(text(t, b, tt.message), "Return-Path: <\"odd one\"@s.test>\n")
		if got != tt.want {
			t.Errorf("%.20q, limit %d: %.80q", tt.message, tt.limit, got)
		}
	}
}

// QSBMF: an empty line ends a paragraph, `<` opens one about a recipient.
func TestNothingForgesAParagraph(t *testing.T) {
	for _, reason := range []string{
		"550 a\n\n<victim@x>:\nforged", "550 a\r\n\r\n<victim@x>:\r\nforged", "550 a\r\r<victim@x>:\rforged",
		"550 a\n \t \n<victim@x>:\nforged", "\n\n<victim@x>:\nforged", "550 a\n\n--- Below\n\n<victim@x>:",
	} {
		b := aBounce()
		b.Failures = []Failure{{"bob@example.org", reason}, {"x\n\n<victim@x>", "y"}}
		paragraphs := strings.Split(b.head(), "\n\n")
		if len(paragraphs) != 6 { // headers, opening, two recipients, the line, Return-Path
			t.Errorf("%q makes %d paragraphs:\n%s", reason, len(paragraphs), b.head())
		}
		for _, p := range paragraphs {
			if strings.HasPrefix(p, "<victim") {
				t.Errorf("%q forges %q", reason, p)
			}
		}
	}
}

func TestReasonLines(t *testing.T) {
	tests := []struct{ reason, want string }{
		{"550\tno\x07\x00 \xe9 user  ", "550 no?? ? user\n"},
		{"550-a\r\n550 b\r\n", "550-a\n550 b\n"},
		{"", ""},
		{strings.Repeat("x", 950), strings.Repeat("x", 900) + "...\n"},
		{strings.Repeat("x\n", 500), strings.Repeat("x\n", 100)},
	}
	for _, tt := range tests {
		if got := reasonLines(tt.reason); got != tt.want {
			t.Errorf("%.30q: %.60q", tt.reason, got)
		}
	}
}

func TestNothingForgesAHeader(t *testing.T) {
	b := aBounce()
	b.Sender = "a@s.test>\nBcc: <x@y"
	b.Settings.BounceHost = "h\nX-Bad: 1\n\nBody"
	headers, _, _ := strings.Cut(b.head(), "\n\n")
	if lines := strings.Split(headers, "\n"); len(lines) != 6 {
		t.Errorf("headers:\n%s", headers)
	}
}

func TestBounceTo(t *testing.T) {
	none := bounceSettings
	none.DoubleBounceTo = ""
	tests := []struct {
		sender   string
		settings Settings
		to, from string
		drop     bool
	}{
		{"ann@s.test", bounceSettings, "ann@s.test", "", false},
		{`"\"odd sender\""@s.test`, bounceSettings, `"odd sender"@s.test`, "", false},
		{"", bounceSettings, "postmaster@admin.example", "#@[]", false},
		{"", none, "", "", true},
		{"ann@s.test", none, "ann@s.test", "", false},
		{"#@[]", bounceSettings, "", "", true},
	}
	for _, tt := range tests {
		to, from, drop := BounceTo(tt.sender, tt.settings)
		if to != tt.to || from != tt.from || drop != tt.drop {
			t.Errorf("%q: %q, %q, %v", tt.sender, to, from, drop)
		}
	}
}

func TestBounceReportsAReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, limit := range []int64{0, 3, 100} {
		b := aBounce()
		b.Settings.BounceMaxBytes = limit
		b.Message = io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))
		if _, err := io.ReadAll(b.Reader()); err != broken {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	b := aBounce()
	b.Message = &errorOnce{err: broken}
	if _, err := io.ReadAll(b.Reader()); err != broken {
		t.Errorf("an error that comes with bytes: %v", err)
	}
}

// errorOnce gives bytes with its error, and never says it again.
type errorOnce struct{ err error }

func (e *errorOnce) Read(p []byte) (int, error) {
	err := e.err
	e.err = io.EOF
	return copy(p, "abc"), err
}

func TestALargeMessageIsNotKept(t *testing.T) {
	b := aBounce()
	b.Settings.BounceMaxBytes = 0
	b.Message = io.LimitReader(zeros{}, 1<<30)
	r := b.Reader()
	buf := make([]byte, 1<<20)
	perRead := testing.AllocsPerRun(500, func() {
		if _, err := io.ReadFull(r, buf); err != nil {
			t.Fatal(err)
		}
	})
	if perRead > 0 {
		t.Errorf("%v allocations for each MiB", perRead)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// Without qmail the notice speaks for the site; the customer's postmaster learns why he gets it.
func TestNoticeOfAFront(t *testing.T) {
	s := Settings{BounceFrom: "MAILER-DAEMON", BounceHost: "mail.example.org", DoubleBounceTo: "postmaster", DoubleBounceHost: "mail.example.org"}
	read := func(b Bounce) string {
		b.Settings, b.Message = s, strings.NewReader("Subject: x\n\nbody\n")
		b.Failures = []Failure{{"bob@example.org", "550 no"}}
		text, err := io.ReadAll(b.Reader())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := read(Bounce{Sender: "ann@s.test", Front: true})
	if !strings.Contains(text, "\n\nHi. This is the mail relay at mail.example.org.\nYour message could not") || strings.Contains(text, "qmail") || !strings.Contains(text, "To: <ann@s.test>\n") {
		t.Errorf("to the sender:\n%s", text)
	}
	for _, sender := range []string{"ann@s.test", ""} {
		text = read(Bounce{Sender: sender, Front: true, CustomersPostmaster: "postmaster@example.org"})
		if !strings.Contains(text, "To: <postmaster@example.org>\n") || !strings.Contains(text, "\nHi. This is the mail relay at mail.example.org.\nA message could not be delivered") ||
			!strings.Contains(text, "\nso its sender has not been told.\n\n<bob@example.org>:\n550 no\n\n--- Below this line") || !strings.Contains(text, "Return-Path: <"+sender+">\n") {
			t.Errorf("to the customer's postmaster:\n%s", text)
		}
	}
}
