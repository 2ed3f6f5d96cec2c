package qmail

import (
	"bufio"
	"errors"
	"io"
	"net/mail"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// noticeHeader reads the header of a notice about message as a mail reader would.
func noticeHeader(t testing.TB, b Bounce, message string) mail.Header {
	t.Helper()
	b.Message = strings.NewReader(message)
	if err := b.Scan(strings.NewReader(message)); err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(b.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return m.Header
}

// TestNoticeHasMessageIDAndAutoSubmitted: large sites refuse a notice without a
// Message-ID, and a program that answers mail must see that a program wrote it.
func TestNoticeHasMessageIDAndAutoSubmitted(t *testing.T) {
	b := aBounce()
	for host, id := range map[string]string{
		"mail.example":      "<1795300101.k3v9.vodmr@mail.example>",
		"h x@y>\nBcc: a":    "<1795300101.k3v9.vodmr@h-x-y--Bcc--a>",
		"m\u00fcll.example": "<1795300101.k3v9.vodmr@m-ll.example>",
	} {
		b.Settings.BounceHost = host
		if got := b.header(); !strings.Contains(got, "\nMessage-ID: "+id+"\n") {
			t.Errorf("host %q: no %s in\n%s", host, id, got)
		}
	}
	h := noticeHeader(t, aBounce(), "x\n")
	for name, want := range map[string]string{
		"Auto-Submitted": "auto-replied", "Subject": "failure notice", "Date": "2 Nov 2026 09:18:09 -0000",
		"From": "<MAILER-DAEMON@mail.example>", "To": `<"odd one"@s.test>`, "Mime-Version": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestNoticeSaysItsCharset: only if it has 8-bit text, and only a name that is true.
func TestNoticeSaysItsCharset(t *testing.T) {
	tests := []struct{ message, sender, rcpt, charset string }{
		{"Subject: x\n\nbody\n", "a@s.test", "bob@example.org", ""},
		{"Subject: gr\u00fc\u00dfe\n", "a@s.test", "bob@example.org", "utf-8"},
		{"Subject: gr\xfc\xdfe\n", "a@s.test", "bob@example.org", "unknown-8bit"},
		{"ends within a character \xc3", "a@s.test", "bob@example.org", "unknown-8bit"},
		{"x\n", "\u00e9ve@s.test", "bob@example.org", "utf-8"},
		{"x\n", "\xe9ve@s.test", "bob@example.org", "unknown-8bit"},
		{"x\n", "a@s.test", "b\u00f6b@example.org", "utf-8"},
		{"x\n", "a@s.test", "b\xf6b@example.org", ""}, // shown as b?b
		{"\u00fc and \xfc\n", "a@s.test", "bob@example.org", "unknown-8bit"},
		{strings.Repeat("\u20ac", 20) + "\xfc", "a@s.test", "bob@example.org", "utf-8"}, // cut before the last
	}
	for _, tt := range tests {
		b := aBounce()
		b.Sender, b.Failures = tt.sender, []Failure{{tt.rcpt, "550 no"}}
		b.Settings.BounceMaxBytes = 40 // within a character of the last test
		h := noticeHeader(t, b, tt.message)
		want, mime, eight := "", "", ""
		if tt.charset != "" {
			want, mime, eight = "text/plain; charset="+tt.charset, "1.0", "8bit"
		}
		if h.Get("Content-Type") != want || h.Get("Mime-Version") != mime || h.Get("Content-Transfer-Encoding") != eight {
			t.Errorf("%q from %q for %q: %v", tt.message, tt.sender, tt.rcpt, h)
		}
	}
}

// TestNoticeShowsAnAddressInUTF8: a person must know who did not get it.
func TestNoticeShowsAnAddressInUTF8(t *testing.T) {
	for rcpt, want := range map[string]string{
		"b\u00f6b@example.org": "\n<b\u00f6b@example.org>:\n",
		"b\xf6b@example.org":   "\n<b?b@example.org>:\n",
	} {
		b := aBounce()
		b.Failures = []Failure{{rcpt, "550 no"}}
		if got := text(t, b, "x\n"); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestCharsetOfPieces: it does not depend on how the text is cut into pieces.
func TestCharsetOfPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"a", "\n", "\u00fc", "\u20ac", "\U0001f600", "\xc3", "\xa9", "\xf0\x9f", "\xff"})).Draw(t, "text")
		text := strings.Join(parts, "")
		var pieces []io.Reader
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces = append(pieces, strings.NewReader(rest[:n]))
			rest = rest[n:]
		}
		want := "unknown-8bit"
		switch {
		case strings.Trim(text, "a\n") == "":
			want = ""
		case utf8.ValidString(text):
			want = "utf-8"
		}
		got, err := charsetOf(bufio.NewReader(io.MultiReader(pieces...)), func() bool { return false })
		if err != nil || got != want {
			t.Fatalf("%q: %q, %v, want %q", text, got, err, want)
		}
	})
}

// TestScanReportsAReadError: a notice about what cannot be read must not go out.
func TestScanReportsAReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	b := aBounce()
	if err := b.Scan(iotest.ErrReader(broken)); err != broken {
		t.Errorf("%v", err)
	}
}

// TestUnprovenSenderIsNotTold: the postmaster is, with the sender that is claimed.
func TestUnprovenSenderIsNotTold(t *testing.T) {
	b := aBounce()
	b.Unproven = true
	got := text(t, b, "x\n")
	for _, want := range []string{"\nTo: <postmaster@admin.example>\n", "\n\nHi. This is the vodmr program at mail.example.\n",
		"no Received line", "It stays in its mailbox.", "\nReturn-Path: <\"odd one\"@s.test>\nx\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
