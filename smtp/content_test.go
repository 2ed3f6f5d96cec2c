package smtp

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// wire says what goes over the line, one byte at a time and slowly.
func wire(stored []byte, dots bool) []byte {
	var out []byte
	inLine := false
	for i, c := range stored {
		if c == '\r' && i+1 < len(stored) && stored[i+1] == '\n' {
			continue
		}
		if c == '\n' {
			out = append(out, "\r\n"...)
			inLine = false
			continue
		}
		if c == '\r' {
			c = ' '
		}
		if dots && c == '.' && !inLine {
			out = append(out, '.')
		}
		out = append(out, c)
		inLine = true
	}
	if inLine {
		out = append(out, "\r\n"...)
	}
	if dots {
		out = append(out, ".\r\n"...)
	}
	return out
}

// encode runs an Encoder over pieces: a piece ends behind byte i where the bit i
// of cuts is set.
func encode(stored []byte, dots bool, cuts uint64) []byte {
	e := Encoder{Dots: dots}
	var out []byte
	start := 0
	for i := range stored {
		if cuts>>(i%64)&1 != 0 {
			out = e.Append(out, stored[start:i+1])
			start = i + 1
		}
	}
	return e.Finish(e.Append(out, stored[start:]))
}

// receive is a server's side: it takes the lines of DATA apart (RFC 5321 section
// 4.5.2). ok is false if the content does not end with the only lone dot.
func receive(data []byte) (content []byte, ok bool) {
	for {
		line, rest, found := bytes.Cut(data, []byte("\r\n"))
		if !found || bytes.ContainsAny(line, "\r\n") {
			return content, false
		}
		if string(line) == "." {
			return content, len(rest) == 0
		}
		content = append(append(content, bytes.TrimPrefix(line, []byte("."))...), "\r\n"...)
		data = rest
	}
}

// TestEncoderShort takes every message of up to six bytes of those that matter
// and cuts it in every way.
func TestEncoderShort(t *testing.T) {
	const alphabet = "a.\r\n"
	messages := [][]byte{nil}
	for len(messages[0]) < 6 {
		for _, m := range messages {
			checkContent(t, m)
			for cuts := range uint64(1) << len(m) {
				for _, dots := range []bool{false, true} {
					if got, want := encode(m, dots, cuts), wire(m, dots); !bytes.Equal(got, want) {
						t.Fatalf("%q, dots %v, cut %b: got %q, want %q", m, dots, cuts, got, want)
					}
				}
			}
		}
		var longer [][]byte
		for _, m := range messages {
			for _, c := range []byte(alphabet) {
				longer = append(longer, append(bytes.Clone(m), c))
			}
		}
		messages = longer
	}
}

// checkContent compares an Encoder in one go with what holds of any message.
func checkContent(t interface{ Fatalf(string, ...any) }, m []byte) {
	plain := encode(m, false, 0)
	if size := wireSize(m); size != int64(len(plain)) {
		t.Fatalf("%q: scanned as %d octets, encoded as %d", m, size, len(plain))
	}
	got, ok := receive(encode(m, true, 0))
	if !ok || !bytes.Equal(got, plain) {
		t.Fatalf("%q: the server gets %q (%v), want %q", m, got, ok, plain)
	}
}

// wireSize is a Scan's Size of a whole message.
func wireSize(stored []byte) int64 {
	var scan Scan
	scan.Add(stored)
	return scan.Size()
}

func TestEncoderLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]byte("\r\n.")), rapid.Byte()), 0, 200).Draw(t, "message")
		cuts := rapid.Uint64().Draw(t, "cuts")
		checkContent(t, m)
		for _, dots := range []bool{false, true} {
			if got, want := encode(m, dots, cuts), wire(m, dots); !bytes.Equal(got, want) {
				t.Fatalf("dots %v: got %q, want %q", dots, got, want)
			}
		}
	})
}

// TestEncoderAgain: a finished Encoder begins anew.
func TestEncoderAgain(t *testing.T) {
	for _, first := range []string{"", "a", "a\r", "\r", ".\n"} {
		e := Encoder{Dots: true}
		e.Finish(e.Append(nil, []byte(first)))
		if got := e.Finish(e.Append(nil, []byte(".\n"))); string(got) != "..\r\n.\r\n" {
			t.Errorf("after %q: %q", first, got)
		}
	}
}

// TestScan: a Scan in pieces foretells the octets that BDAT carries, and whether
// one of them is beyond ASCII.
func TestScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.SampledFrom([]byte{0x7f, 0xff}).Draw(t, "most")
		octet := rapid.OneOf(rapid.SampledFrom([]byte("\r\n")), rapid.ByteRange(0, most))
		checkScan(t, rapid.SliceOfN(rapid.SliceOfN(octet, 0, 30), 0, 10).Draw(t, "pieces"))
	})
}

// checkScan compares a Scan of pieces with what goes out if they are a Stream.
func checkScan(t interface{ Fatalf(string, ...any) }, pieces [][]byte) {
	var scan Scan
	for _, piece := range pieces {
		scan.Add(piece)
	}
	stored := bytes.Join(pieces, nil)
	var r streamReader
	f := &flight{tx: &Transaction{Stream: bytes.NewReader(stored)}, chunking: true}
	octets := int64(0)
	for last := false; !last; {
		var chunk []byte
		var err error
		if chunk, last, err = r.chunk(f); err != nil {
			t.Fatalf("%v", err)
		}
		octets += int64(len(chunk))
	}
	if scan.Size() != octets {
		t.Fatalf("%.200q: scanned as %d octets, sent as %d", pieces, scan.Size(), octets)
	}
	eightBit := false
	for _, c := range stored {
		eightBit = eightBit || c > 0x7f
	}
	if scan.EightBit != eightBit {
		t.Fatalf("%.200q: 8-bit is %v, scanned as %v", pieces, eightBit, scan.EightBit)
	}
}

func TestEightBit(t *testing.T) {
	for text, want := range map[string]bool{"": false, "a\x00\x7f\r\n": false, "\x80": true, "abc\nd\xff": true,
		"12345678": false, "1234567\x80": true, "12345678\x80": true, "\x8012345678": true} {
		if EightBit([]byte(text)) != want || EightBit(text) != want {
			t.Errorf("EightBit(%q) is not %v", text, want)
		}
	}
}

func FuzzEncoder(f *testing.F) {
	f.Add([]byte("Subject: x\n\n.\n..\r\na\rb\r"), uint64(0))
	f.Fuzz(func(t *testing.T, m []byte, cuts uint64) {
		checkContent(t, m)
		for _, dots := range []bool{false, true} {
			if got, want := encode(m, dots, cuts), wire(m, dots); !bytes.Equal(got, want) {
				t.Fatalf("dots %v: got %q, want %q", dots, got, want)
			}
		}
	})
}
