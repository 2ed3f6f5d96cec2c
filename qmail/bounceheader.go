package qmail

import (
	"bytes"
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
	fields := "Date: " + b.Date.UTC().Format("2 Jan 2006 15:04:05") + " -0000\n" +
		"Message-ID: <" + b.ID + ".vodmr@" + idHost(b.Settings.BounceHost) + ">\n" +
		"From: <" + b.from() + ">\n" +
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
func (b *Bounce) Scan(message io.Reader) error {
	var s charsetScan
	_, _ = io.WriteString(&s, b.Sender+"\n")
	for _, f := range b.Failures {
		_, _ = io.WriteString(&s, shown(f.Recipient)+"\n")
	}
	limit := cmp.Or(b.Settings.BounceMaxBytes, maxCopy)
	n, err := io.Copy(&s, io.LimitReader(message, limit))
	b.charset = s.charset(n == limit)
	return err
}

// maxCopy is larger than any message.
const maxCopy = 1 << 62

// A charsetScan takes a text piece by piece and tells its charset.
type charsetScan struct {
	eightBit, invalid bool
	rest              []byte // the start of a character that the next piece goes on with
}

// Write never fails.
func (s *charsetScan) Write(piece []byte) (int, error) {
	size := len(piece)
	if len(s.rest) > 0 {
		piece = append(s.rest, piece...)
	}
	whole := len(piece) - unfinished(piece)
	s.eightBit = s.eightBit || bytes.ContainsFunc(piece, func(r rune) bool { return r >= utf8.RuneSelf })
	s.invalid = s.invalid || !utf8.Valid(piece[:whole])
	s.rest = append([]byte(nil), piece[whole:]...)
	return size, nil
}

// charset returns the name of the text's charset, "" for ASCII. If the text is not UTF-8, its
// charset is not known, and the name is the one that RFC 1428 has for that. A text that
// was cut may end within a character.
func (s *charsetScan) charset(cut bool) string {
	if !s.eightBit {
		return ""
	}
	if s.invalid || len(s.rest) > 0 && !cut {
		return "unknown-8bit"
	}
	return "utf-8"
}

// unfinished returns how many bytes at the end of p are the start of a character.
func unfinished(p []byte) int {
	for n := 1; n <= min(len(p), utf8.UTFMax-1); n++ {
		if last := p[len(p)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// shown is a raw address: as it is if it is UTF-8.
func shown(raw string) string {
	if utf8.ValidString(raw) {
		return noControl(raw)
	}
	return asciiText(raw)
}
