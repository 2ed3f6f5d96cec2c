package smtp

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A customer that passes on whole lines must never be left in the midst of one
// while its replies are awaited.
func TestChunksEndWithALine(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var message strings.Builder
	for message.Len() < 5<<20 {
		message.WriteString(strings.Repeat("x", random.IntN(9000)) + "\n")
	}
	for name, test := range map[string]struct {
		stored  string
		endless bool // a line is longer than a chunk
	}{
		"lines":           {message.String(), false},
		"no last newline": {message.String() + "end", false},
		"a long line":     {"short\n" + strings.Repeat("x", 3<<20) + "\nshort\n", true},
		"only CR":         {strings.Repeat("\r", 3<<20), true},
		"half a chunk":    {strings.Repeat(strings.Repeat("x", 500_000)+"\n", 9), false},
		"nearly a chunk":  {strings.Repeat(strings.Repeat("x", 950_000)+"\n", 4), true},
	} {
		t.Run(name, func(t *testing.T) {
			var r streamReader
			f := &flight{tx: &Transaction{Stream: strings.NewReader(test.stored)}, chunking: true}
			var sent []byte
			for last := false; !last; {
				var octets []byte
				var err error
				if octets, last, err = r.chunk(f); err != nil {
					t.Fatal(err)
				}
				if n := len(octets); n > chunkSize || n == 0 && !last {
					t.Errorf("a chunk of %d octets", n)
				}
				if !last && !test.endless && !bytes.HasSuffix(octets, []byte("\r\n")) {
					t.Errorf("a chunk of %d octets ends within a line", len(octets))
				}
				sent = append(sent, octets...)
			}
			var whole Encoder
			want := whole.Finish(whole.Append(nil, []byte(test.stored)))
			if !bytes.Equal(sent, want) {
				t.Errorf("sent %d octets, want these %d", len(sent), len(want))
			}
			checkScan(t, slices.Collect(slices.Chunk([]byte(test.stored), 1000)))
		})
	}
}
