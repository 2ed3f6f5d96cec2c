package maildir

import (
	"bytes"
	"strconv"
	"strings"
)

// An Entry is the name of one message.
type Entry struct {
	Name string // as it stands in new or cur
	Cur  bool   // it is in cur
	Time int64  // Unix seconds: the time in the name, otherwise the file's
}

const info = ":2,"

// Base is the part of the name that stays when a mail reader sets flags.
func (e Entry) Base() string {
	base, _, _ := strings.Cut(e.Name, info)
	return base
}

// Path is "new/NAME" or "cur/NAME", for logs.
func (e Entry) Path() string { return subNames[e.sub()] + "/" + e.Name }

func (e Entry) sub() int {
	if e.Cur {
		return inCur
	}
	return inNew
}

// trashed reports if a mail reader marked the message for deletion.
func (e Entry) trashed() bool {
	_, flags, _ := strings.Cut(e.Name, info)
	return strings.Contains(flags, "T")
}

// TellsSize reports if the name tells the file's size, as vdelivermail writes it and
// qmail-local does not.
func (e Entry) TellsSize() bool {
	_, tells := sizeIn([]byte(e.Name))
	return tells
}

// baseOf is Entry.Base for a name that is not a string yet.
func baseOf(name []byte) []byte {
	base, _, _ := bytes.Cut(name, []byte(info))
	return base
}

// isTrashed is Entry.trashed for a name that is not a string yet.
func isTrashed(name []byte) bool {
	_, flags, _ := bytes.Cut(name, []byte(info))
	return bytes.IndexByte(flags, 'T') >= 0
}

// stamp returns the time that a name begins with: digits and a dot.
func stamp(name []byte) (seconds int64, ok bool) {
	const most = 18 // more digits may not fit an int64
	for i, c := range name {
		if c == '.' && i > 0 {
			return seconds, true
		}
		if c < '0' || c > '9' || i >= most {
			return 0, false
		}
		seconds = seconds*10 + int64(c-'0')
	}
	return 0, false
}

// sizeIn returns the size that a name tells, in bytes: Maildir++ has ",S=221" there.
func sizeIn(name []byte) (size int64, ok bool) {
	for field := range bytes.SplitSeq(baseOf(name), []byte(",")) {
		if number, found := bytes.CutPrefix(field, []byte("S=")); found {
			n, err := strconv.ParseUint(string(number), 10, 63) // digits alone, without a sign
			return int64(n), err == nil
		}
	}
	return 0, false
}

const (
	noMicroseconds = -1        // before all that have some
	lastOfSecond   = 1_000_000 // behind them
)

// microseconds returns the part of a second that a name tells. unique is the name without its
// "TIME.": up to the next dot it may be made of marked numbers, as Postfix
// (V801I2c0003M12345), Dovecot (M12345P67) and Exim (H12345P67) write them. A name that tells
// none is noMicroseconds if it begins like qmail's, with a digit, and otherwise
// lastOfSecond, so that the order of such names is the natural one.
func microseconds(unique []byte) int64 {
	if len(unique) == 0 || unique[0] < 'A' {
		return noMicroseconds
	}
	for len(unique) > 0 && 'A' <= unique[0] && unique[0] <= 'Z' {
		mark := unique[0]
		decimal, _ := digits(unique[1:])
		if (mark == 'M' || mark == 'H') && 0 < len(decimal) && len(decimal) <= 6 {
			n, _ := strconv.ParseInt(string(decimal), 10, 64)
			return n
		}
		unique = bytes.TrimLeft(unique[1:], "0123456789abcdef")
	}
	return lastOfSecond
}

// natural compares two names, with each run of digits as one number. So the order of
// delivery is kept even if a process id or a counter gains a digit.
func natural(a, b []byte) int {
	x, y := a, b
	for len(x) > 0 && len(y) > 0 {
		if isDigit(x[0]) && isDigit(y[0]) {
			var m, n []byte
			m, x = digits(x)
			n, y = digits(y)
			if c := compareNumbers(m, n); c != 0 {
				return c
			}
			continue
		}
		if x[0] != y[0] {
			return int(x[0]) - int(y[0])
		}
		x, y = x[1:], y[1:]
	}
	if c := len(x) - len(y); c != 0 {
		return c
	}
	return bytes.Compare(a, b) // 01 and 1
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits splits the digits off the front of s.
func digits(s []byte) (number, rest []byte) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func compareNumbers(a, b []byte) int {
	a, b = bytes.TrimLeft(a, "0"), bytes.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return bytes.Compare(a, b)
}
