package logline

import (
	"unicode"
	"unicode/utf8"
)

// Printable makes text that somebody else chose fit for a terminal, for programs that
// print it outside a log line. It escapes what could steer the terminal, start another
// line, or make the text look other than it is: C0 and C1 controls, DEL, line and
// paragraph separators, and all characters of Unicode's category Cf (bidirectional
// controls, zero-width characters, tags).
//
// A character becomes \uXXXX, one beyond U+FFFF two of them as in UTF-16, so that text
// inside a JSON string keeps its meaning. A byte that is not UTF-8 becomes \xHH. All
// other text, backslashes too, stays as it is.
func Printable(text string) string {
	b := make([]byte, 0, len(text))
	for size := 0; len(text) > 0; text = text[size:] {
		var c rune
		c, size = utf8.DecodeRuneInString(text)
		if steers(c) || c == utf8.RuneError && size == 1 {
			b = appendEscape(b, c, text[0])
		} else {
			b = append(b, text[:size]...)
		}
	}
	return string(b)
}

// steers reports if a terminal may obey the character in place of showing it.
func steers(c rune) bool {
	if c < 0x7f {
		return c < ' '
	}
	return c < 0xa0 || c == '\u2028' || c == '\u2029' || unicode.Is(unicode.Cf, c) || blank(c)
}

// blank reports if the character shows nothing though it is not in category Cf:
// variation selectors, fillers and the combining grapheme joiner.
func blank(c rune) bool {
	return unicode.Is(unicode.Variation_Selector, c) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, c)
}

// appendEscape appends the escape of a character, or of the byte that is none.
func appendEscape(dst []byte, c rune, first byte) []byte {
	if c == utf8.RuneError {
		return append(dst, '\\', 'x', hex[first>>4], hex[first&15])
	}
	if c > 0xffff {
		c -= 0x10000
		return appendUnit(appendUnit(dst, 0xd800+c>>10), 0xdc00+c&0x3ff)
	}
	return appendUnit(dst, c)
}

func appendUnit(dst []byte, c rune) []byte {
	return append(dst, '\\', 'u', hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15])
}
