package keyhash

import (
	"strings"
	"testing"
)

const digits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1cfbfeff"

func TestParse(t *testing.T) {
	want := Hash{28: 0x1c, 29: 0xfb, 30: 0xfe, 31: 0xff}
	for i := range 28 {
		want[i] = byte(i)
	}
	text := want.String()
	for _, same := range []string{
		text, text + "=", strings.ToUpper(text[:7]) + text[7:], strings.NewReplacer("-", "+", "_", "/").Replace(text),
		"sha256:" + digits, "sha256:" + strings.ToUpper(digits), "sha256:00:" + digits[2:],
	} {
		if got, err := Parse(same); err != nil || got != want {
			t.Errorf("%s: %x, %v", same, got, err)
		}
	}
	for _, bad := range []string{
		"", "sha256:", digits, "sha1:" + digits, "sha256:" + digits[1:], "sha256:" + digits + "00",
		text[:len(text)-1], text + "A", text + " ", "x" + text,
	} {
		if got, err := Parse(bad); err != ErrNoHash {
			t.Errorf("%q was taken as %x, %v", bad, got, err)
		}
	}
}
