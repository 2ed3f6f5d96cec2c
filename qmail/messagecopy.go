package qmail

import (
	"cmp"
	"io"
	"strconv"
	"strings"
)

// copyOf reads a message up to a limit in bytes (0: none). It adds a newline if the end has
// none, since qmail-remote refuses such a message. If something was left out, a line at the
// end tells so.
func copyOf(message io.Reader, limit int64) io.Reader {
	part := &io.LimitedReader{R: message, N: cmp.Or(limit, maxCopy)}
	last := lastByte('\n')
	tail := func() (text string, err error) {
		if last != '\n' {
			text = "\n"
		}
		if part.N > 0 {
			return text, nil // the message has ended before the limit
		}
		_, err = io.ReadFull(message, make([]byte, 1))
		if err == io.EOF {
			return text, nil
		}
		return text + "--- The rest is left out: this notice copies " + strconv.FormatInt(limit, 10) + " bytes.\n", err
	}
	return io.MultiReader(io.TeeReader(part, &last), &lateText{text: tail})
}

// A lastByte is the last one that was written.
type lastByte byte

func (b *lastByte) Write(p []byte) (int, error) {
	*b = lastByte(p[len(p)-1]) // an io.TeeReader never writes nothing
	return len(p), nil
}

// A lateText reads a text that is known once it is read.
type lateText struct {
	text   func() (string, error)
	reader *strings.Reader // nil until then
}

func (t *lateText) Read(p []byte) (int, error) {
	if t.reader == nil {
		text, err := t.text()
		if err != nil {
			return 0, err
		}
		t.reader = strings.NewReader(text)
	}
	return t.reader.Read(p)
}
