package smtp

import (
	"bytes"
	"errors"
	"io"
)

const (
	// chunkSize is how many octets one BDAT of a streamed message announces, at
	// most; each is read before it is announced.
	chunkSize = 1 << 20
	// readSize is how much of a Stream is read at once.
	readSize = 64 << 10
)

// A streamReader reads the messages that are too large to hold. The zero streamReader is
// ready to use, and its memory is only taken if there is such a message.
type streamReader struct {
	piece   []byte // as it is read
	chunked []byte // the octets of one BDAT
}

// read returns the next readSize octets, fewer with an error.
func (r *streamReader) read(stream io.Reader) ([]byte, error) {
	if r.piece == nil {
		r.piece = make([]byte, readSize)
	}
	n, err := io.ReadFull(stream, r.piece)
	return r.piece[:n], err
}

// chunk reads and encodes up to chunkSize octets of f's Stream, and reports if they are
// the last. They are valid until the next call. Others end with a line, unless one fills
// a chunk: fetchmail passes whole lines on, and while it waits for a line's end
// it passes no reply back, so that each side would wait for the other.
func (r *streamReader) chunk(f *flight) (octets []byte, last bool, err error) {
	r.chunked = append(r.chunked[:0], f.begun...)
	f.begun = f.begun[:0]
	// A piece may double when it is encoded.
	for len(r.chunked)+2*readSize <= chunkSize {
		piece, err := r.read(f.tx.Stream)
		r.chunked = f.encoder.Append(r.chunked, piece)
		if atEnd(err) {
			r.chunked = f.encoder.Finish(r.chunked)
			return r.chunked, true, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	if end := bytes.LastIndexByte(r.chunked, '\n') + 1; end > 0 {
		f.begun = append(f.begun, r.chunked[end:]...)
		r.chunked = r.chunked[:end]
	}
	return r.chunked, false, nil
}

func atEnd(err error) bool {
	return err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)
}
