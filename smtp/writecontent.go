package smtp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// chunkSize is how many octets one BDAT of a streamed message announces, at
	// most; each is read before it is announced.
	chunkSize = 1 << 20
	// readSize is how much of a Stream is read at once.
	readSize = 64 << 10
)

// startContent says DATA, or the only or first BDAT with its octets.
func (s *Sender) startContent(f *flight) {
	switch {
	case !f.chunking:
		s.ask("DATA", expectData, f)
		f.step = stepWait
	case f.tx.Stream != nil:
		s.chunk(f)
	default:
		s.put("BDAT " + strconv.FormatInt(f.tx.Size, 10) + " LAST")
		s.content(f, f.tx.Body)
		s.contentEnd(f)
	}
}

// dataContent answers 354. If no recipient was accepted, the dot alone is
// owed (RFC 2920 section 3.1).
func (s *Sender) dataContent(f *flight) {
	if f.accepted > 0 && f.mail.Accepted() {
		s.content(f, f.tx.Body)
	}
	s.contentEnd(f)
}

// content queues octets of the message.
func (s *Sender) content(f *flight, stored []byte) {
	n := len(s.out)
	s.out = f.encoder.Append(s.out, stored)
	s.queued += int64(len(s.out) - n)
}

// contentEnd queues the content's end; its reply decides.
func (s *Sender) contentEnd(f *flight) {
	n := len(s.out)
	s.out = f.encoder.Finish(s.out)
	s.queued += int64(len(s.out) - n)
	s.expect(expectContent, f)
	f.end = s.queued
	f.step = stepFinished
}

// streamContent queues the next piece of a streamed message.
func (s *Sender) streamContent(f *flight) {
	if f.chunking {
		s.chunk(f)
		return
	}
	if f.accepted == 0 || !f.mail.Accepted() {
		s.contentEnd(f)
		return
	}
	n, err := io.ReadFull(f.tx.Stream, s.pieceBuffer())
	s.content(f, s.piece[:n])
	switch {
	case atEnd(err):
		s.contentEnd(f)
	case err != nil:
		// Without the dot the server must throw away what it got; there is no
		// other way to take back a DATA.
		s.stop(&BrokenError{fmt.Errorf("cut, since the message could not be read to its end: %w", err)})
	}
}

// chunk reads the next BDAT's octets, then announces them: an announced octet
// that cannot be read would spoil the session.
func (s *Sender) chunk(f *flight) {
	last, err := s.readChunk(f)
	if err != nil {
		f.failed = err
		f.step = stepFinished
		s.needRSET = true
		return
	}
	line := "BDAT " + strconv.Itoa(len(s.chunked))
	if last {
		line += " LAST"
	}
	s.put(line)
	s.out = append(s.out, s.chunked...)
	s.queued += int64(len(s.chunked))
	if last {
		s.expect(expectContent, f)
		f.end = s.queued
		f.step = stepFinished
		return
	}
	s.expect(expectChunk, f)
	if f.step = stepStream; f.accepted == 0 {
		f.step = stepWait
	}
	f.advance()
}

// readChunk reads and encodes up to chunkSize octets of f's Stream into s.chunked,
// and reports if they are the last. Others end with a line, unless one fills
// a chunk: fetchmail passes whole lines on, and while it waits for a line's end
// it passes no reply back, so that each side would wait for the other.
func (s *Sender) readChunk(f *flight) (last bool, err error) {
	s.chunked = append(s.chunked[:0], f.begun...)
	f.begun = f.begun[:0]
	// A piece may double when it is encoded.
	for len(s.chunked)+2*readSize <= chunkSize {
		n, err := io.ReadFull(f.tx.Stream, s.pieceBuffer())
		s.chunked = f.encoder.Append(s.chunked, s.piece[:n])
		if atEnd(err) {
			s.chunked = f.encoder.Finish(s.chunked)
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	if end := bytes.LastIndexByte(s.chunked, '\n') + 1; end > 0 {
		f.begun = append(f.begun, s.chunked[end:]...)
		s.chunked = s.chunked[:end]
	}
	return false, nil
}

// pieceBuffer is memory that only sessions with a large message need.
func (s *Sender) pieceBuffer() []byte {
	if s.piece == nil {
		s.piece = make([]byte, readSize)
	}
	return s.piece
}

func atEnd(err error) bool {
	return err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)
}
