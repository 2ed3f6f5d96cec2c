package smtp

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// outLow is how many octets may wait to be written when more is queued.
	outLow = 64 << 10
	// chunkSize is how many octets one BDAT of a streamed message announces, at
	// most; each is read before it is announced.
	chunkSize = 1 << 20
	// readSize is how much of a Stream is read at once.
	readSize = 64 << 10
)

// emit queues whatever may be said now.
func (s *Sender) emit(source Source) {
	for s.pending() < outLow && s.mute == nil {
		if s.writing == nil && !s.begin(source) {
			return
		}
		if !s.speak(source, s.writing) {
			return
		}
		if s.writing != nil && s.writing.step == stepFinished {
			f := s.writing
			s.writing = nil
			s.settle(source, f)
		}
	}
}

// begin starts the next transaction where there is one and the window has room.
func (s *Sender) begin(source Source) bool {
	if s.next == nil && !s.room() {
		return false
	}
	if s.next == nil {
		s.next = source.Next()
	}
	if s.next == nil || !s.mayStart(s.next) {
		return false
	}
	tx := s.next
	s.next = nil
	f := &flight{tx: tx, lockStep: s.lockStep(tx), chunking: s.Extensions.Chunking && !tx.Plain}
	f.encoder.Dots = !f.chunking
	if s.begun == 0 || f.lockStep && !s.needRSET {
		f.step = stepMail
	}
	s.begun++
	s.needRSET = false
	s.octets += tx.Size
	s.flights = append(s.flights, f)
	s.writing = f
	s.fresh = true
	return true
}

func (s *Sender) lockStep(tx *Transaction) bool { return tx.Plain || !s.Extensions.Pipelining }

// room says whether another transaction could begin at all: asking the source
// for one costs a file's reading.
func (s *Sender) room() bool {
	if len(s.flights) == 0 {
		return true
	}
	last := s.flights[len(s.flights)-1]
	return !last.lockStep && len(s.flights) < s.window.size &&
		(s.Extensions.Chunking || len(s.flights) < 2)
}

// mayStart says whether tx fits beside what is in flight.
func (s *Sender) mayStart(tx *Transaction) bool {
	if len(s.flights) == 0 {
		return true
	}
	return !s.lockStep(tx) && s.room() &&
		s.octets+tx.Size <= windowOctets &&
		len(s.expected)+3+len(tx.To) <= windowReplies
}

// speak emits what f may say now and says whether that was anything.
func (s *Sender) speak(source Source, f *flight) bool {
	if f.lockStep && f.owed > 0 {
		return false
	}
	switch f.step {
	case stepReset:
		s.ask("RSET", expectReset, f)
		f.step = stepMail
	case stepMail:
		s.ask(s.mailCommand(f.tx), expectMail, f)
		f.step = stepRcpt
	case stepRcpt:
		s.ask("RCPT TO:<"+f.tx.To[f.rcpt]+">", expectRcpt, f)
		if f.rcpt++; f.rcpt == len(f.tx.To) {
			f.step = stepData
		}
	case stepData:
		s.startContent(f)
	case stepContent:
		s.dataContent(f)
	case stepStream:
		s.streamContent(f)
	case stepWait:
		return false
	}
	return true
}

// ask queues a command and expects its reply.
func (s *Sender) ask(line string, kind expectKind, f *flight) {
	s.put(line)
	s.expect(kind, f)
}

func (s *Sender) expect(kind expectKind, f *flight) {
	s.expected = append(s.expected, expect{kind, f, s.queued})
	f.owed++
}

// mailCommand gives only parameters that the server offered, and none in a
// plain transaction but SMTPUTF8, without which the address cannot be said.
func (s *Sender) mailCommand(tx *Transaction) string {
	line := "MAIL FROM:<" + tx.From + ">"
	if s.Extensions.SizeOffered && !tx.Plain {
		line += " SIZE=" + strconv.FormatInt(tx.Size, 10)
	}
	if s.Extensions.EightBitMIME && tx.EightBit && !tx.Plain {
		line += " BODY=8BITMIME"
	}
	if tx.UTF8 {
		line += " SMTPUTF8"
	}
	return line
}

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

// dataContent answers 354. Where no recipient was accepted the dot alone is
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
		s.stop(&ErrBroken{fmt.Errorf("cut, since the message could not be read to its end: %w", err)})
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

// readChunk reads and encodes some chunkSize octets of f's Stream into
// s.chunked, and says whether they are the last.
func (s *Sender) readChunk(f *flight) (last bool, err error) {
	s.chunked = s.chunked[:0]
	for len(s.chunked) < chunkSize {
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
