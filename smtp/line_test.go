package smtp

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// pieces is a Reader that returns one piece a read, then an error; at each read
// it counts.
type pieces struct {
	left  []string
	err   error
	reads int
}

func (p *pieces) Read(b []byte) (int, error) {
	p.reads++
	if len(p.left) == 0 {
		return 0, p.err
	}
	n := copy(b, p.left[0])
	if p.left[0] = p.left[0][n:]; p.left[0] == "" {
		p.left = p.left[1:]
	}
	return n, nil
}

func TestLines(t *testing.T) {
	const max = 10
	for _, test := range []struct {
		name, stream string
		want         []string
		end          error
	}{
		{"nothing", "", nil, io.EOF},
		{"CRLF and LF", "a\r\nb\n\r\n\nc\r\n", []string{"a", "b", "", "", "c"}, io.EOF},
		{"CR elsewhere stays", "a\rb\r\r\n", []string{"a\rb\r"}, io.EOF},
		{"a last line without an end is lost", "a\r\nQUIT", []string{"a"}, io.EOF},
		{"of the limit", "0123456789\r\n0123456789\n", []string{"0123456789", "0123456789"}, io.EOF},
		{"over the limit", "a\n0123456789x\r\nb\n", []string{"a"}, ErrLineTooLong},
		{"over the limit without an end", "a\n0123456789xyz", []string{"a"}, ErrLineTooLong},
		{"much over the limit", strings.Repeat("x", 1<<20), nil, ErrLineTooLong},
		{"many", strings.Repeat("abcdefgh\r\n", 5000), strings.Split(strings.Repeat("abcdefgh ", 4999)+"abcdefgh", " "), io.EOF},
	} {
		for name, src := range map[string]io.Reader{
			"whole":          strings.NewReader(test.stream),
			"one by one":     iotest.OneByteReader(strings.NewReader(test.stream)),
			"data with EOF":  iotest.DataErrReader(strings.NewReader(test.stream)),
			"half as wanted": iotest.HalfReader(strings.NewReader(test.stream)),
		} {
			l := NewLineReader(src, max)
			var got []string
			line, err := l.ReadLine()
			for ; err == nil; line, err = l.ReadLine() {
				got = append(got, string(line))
			}
			if strings.Join(got, "|") != strings.Join(test.want, "|") || len(got) != len(test.want) || err != test.end {
				t.Errorf("%s, %s: %.60q and %v, want %.60q and %v", test.name, name, got, err, test.want, test.end)
			}
			if cap(l.buf) > 2*readChunk {
				t.Errorf("%s, %s: a buffer of %d bytes for lines of %d", test.name, name, cap(l.buf), max)
			}
		}
	}
}

// TestLineReaderReads: HasLine and Buffered tell what is there without a read,
// and Read hands out what ReadLine left before it reads on.
func TestLineReaderReads(t *testing.T) {
	src := &pieces{left: []string{"one\r\ntwo\r\nthr", "ee\r\nraw bytes", " and more"}, err: io.EOF}
	l := NewLineReader(src, 100)
	step := func(what string, reads, buffered int, hasLine bool) {
		t.Helper()
		if src.reads != reads || l.Buffered() != buffered || l.HasLine() != hasLine {
			t.Errorf("%s: %d reads, %d buffered, HasLine %v; want %d, %d, %v",
				what, src.reads, l.Buffered(), l.HasLine(), reads, buffered, hasLine)
		}
	}
	line := func(want string) {
		t.Helper()
		if got, err := l.ReadLine(); string(got) != want || err != nil {
			t.Errorf("ReadLine: %q, %v, want %q", got, err, want)
		}
	}
	raw := func(size int, want string) {
		t.Helper()
		b := make([]byte, size)
		if n, err := l.Read(b); string(b[:n]) != want || err != nil {
			t.Errorf("Read: %q, %v, want %q", b[:n], err, want)
		}
	}
	step("at first", 0, 0, false)
	line("one")
	step("one line", 1, 8, true)
	line("two")
	step("two lines", 1, 3, false)
	line("three")
	step("three lines", 2, 9, false)
	raw(4, "raw ")
	step("some raw", 2, 5, false)
	raw(100, "bytes")
	step("all raw", 2, 0, false)
	raw(100, " and more")
	step("more", 3, 0, false)
	if n, err := l.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

// TestLineReaderError: a failed read is told as it is, and what came before it is
// not lost.
func TestLineReaderError(t *testing.T) {
	broken := errors.New("broken")
	src := &pieces{left: []string{"a\r\nhalf"}, err: broken}
	l := NewLineReader(src, 100)
	if line, err := l.ReadLine(); string(line) != "a" || err != nil {
		t.Errorf("first: %q, %v", line, err)
	}
	if _, err := l.ReadLine(); err != broken {
		t.Errorf("then: %v", err)
	}
	src.left = []string{" a line\r\n"}
	if line, err := l.ReadLine(); string(line) != "half a line" || err != nil {
		t.Errorf("after a time-out that passed: %q, %v", line, err)
	}
}
