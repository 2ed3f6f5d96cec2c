package smtp

import (
	"fmt"
	"strconv"
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
		s.link.put("BDAT " + strconv.FormatInt(f.tx.Size, 10) + " LAST")
		s.link.putContent(&f.encoder, f.tx.Body)
		s.contentEnd(f)
	}
}

// dataContent answers 354. If no recipient was accepted, the dot alone is
// owed (RFC 2920 section 3.1).
func (s *Sender) dataContent(f *flight) {
	if f.accepted > 0 && f.mail.Accepted() {
		s.link.putContent(&f.encoder, f.tx.Body)
	}
	s.contentEnd(f)
}

// contentEnd queues the content's end; its reply decides.
func (s *Sender) contentEnd(f *flight) {
	s.link.putContentEnd(&f.encoder)
	s.expectLast(f)
}

// expectLast expects the reply to a message with its last octet queued.
func (s *Sender) expectLast(f *flight) {
	s.expect(expectContent, f)
	f.end = s.link.queued
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
	piece, err := s.stream.read(f.tx.Stream)
	s.link.putContent(&f.encoder, piece)
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
	octets, last, err := s.stream.chunk(f)
	if err != nil {
		f.failed = err
		f.step = stepFinished
		s.needRSET = true
		return
	}
	line := "BDAT " + strconv.Itoa(len(octets))
	if last {
		line += " LAST"
	}
	s.link.put(line)
	s.link.putOctets(octets)
	if last {
		s.expectLast(f)
		return
	}
	s.expect(expectChunk, f)
	if f.step = stepStream; f.accepted == 0 {
		f.step = stepWait
	}
	f.advance()
}
