package qmail

import (
	"bufio"
	"cmp"
	"io"
	"strings"
	"unicode/utf8"

	"vodmr/internal/address"
)

// header returns the notice's own header. Large sites refuse mail without a Message-ID. A
// program that answers mail does not answer if there is an Auto-Submitted (RFC 3834
// section 5).
func (b Bounce) header() string {
	from := address.Shown(b.Settings.BounceFrom + "@" + b.Settings.BounceHost)
	fields := "Date: " + b.Date.UTC().Format("2 Jan 2006 15:04:05") + " -0000\n" +
		"Message-ID: <" + b.ID + ".vodmr@" + idHost(b.Settings.BounceHost) + ">\n" +
		"From: <" + noControl(from) + ">\n" +
		"To: <" + b.to() + ">\n" +
		"Subject: failure notice\n" +
		"Auto-Submitted: auto-replied\n"
	if b.charset != "" {
		fields += "MIME-Version: 1.0\n" +
			"Content-Type: text/plain; charset=" + b.charset + "\n" +
			"Content-Transfer-Encoding: 8bit\n"
	}
	return fields
}

// idHost makes the right part of a Message-ID of any text (RFC 5322 section 3.6.4).
func idHost(host string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && address.IsUnquoted(byte(r)) {
			return r
		}
		return '-'
	}, host)
}

// Scan finds the charset of the notice, from another reader of its message. It reads only
// the part that the notice copies. If it is not called, the notice counts as ASCII. The
// error is the reader's.
func (b *Bounce) Scan(message io.Reader) (err error) {
	head := b.Sender + "\n"
	for _, f := range b.Failures {
		head += shown(f.Recipient) + "\n"
	}
	part := &io.LimitedReader{R: message, N: cmp.Or(b.Settings.BounceMaxBytes, maxCopy)}
	text := bufio.NewReader(io.MultiReader(strings.NewReader(head), part))
	b.charset, err = charsetOf(text, func() bool { return part.N == 0 })
	return err
}

// maxCopy is larger than any message.
const maxCopy = 1 << 62

// charsetOf returns the name of a text's charset, "" for ASCII. If the text is not UTF-8, its
// charset is not known, and the name is the one that RFC 1428 has for that. A text that
// was cut may end within a character. The error is the reader's.
func charsetOf(text *bufio.Reader, cut func() bool) (charset string, err error) {
	for {
		r, size, err := text.ReadRune()
		switch {
		case err == io.EOF:
			return charset, nil
		case err != nil:
			return charset, err
		case r == utf8.RuneError && size == 1 && !(endsWithin(text) && cut()):
			charset = "unknown-8bit"
		case r >= utf8.RuneSelf:
			charset = cmp.Or(charset, "utf-8")
		}
	}
}

// endsWithin reports if the byte that was read begins a character that the end of the text
// leaves unfinished. Then it reads the rest of it.
func endsWithin(text *bufio.Reader) bool {
	_ = text.UnreadRune()
	start, _ := text.Peek(utf8.UTFMax)
	if utf8.FullRune(start) {
		_, _ = text.Discard(1)
		return false
	}
	_, _ = text.Discard(len(start))
	return true
}

// shown is a raw address: as it is if it is UTF-8.
func shown(raw string) string {
	if utf8.ValidString(raw) {
		return noControl(raw)
	}
	return asciiText(raw)
}
