package smtp

import "strconv"

// outLow is how many octets may wait to be written when more is queued.
const outLow = 64 << 10

// emit queues whatever may be said now.
func (s *Sender) emit(source Source) {
	for s.link.pending() < outLow && s.link.mute == nil {
		if s.writing == nil && !s.begin(source) {
			return
		}
		if !s.speak(source, s.writing) {
			return
		}
		if s.writing != nil && s.writing.step == stepFinished {
			f := s.writing
			s.writing = nil
			s.fence(f)
			if f.chunking && s.Peer.unconfirmed() {
				s.sayProbe()
			}
			s.settle(source, f)
		}
	}
}

// begin starts the next transaction if there is one and the window has room.
func (s *Sender) begin(source Source) bool {
	if s.nooping() || s.next == nil && !s.room() {
		return false
	}
	if s.next == nil {
		s.next = source.Next()
	}
	if s.next == nil || !s.mayStart(s.next) || !s.proven(s.next) {
		return false
	}
	tx := s.next
	s.next = nil
	f := &flight{tx: tx, plain: s.Peer.plain(tx), lockStep: s.Peer.lockStep(tx), restrained: s.Peer.restrained()}
	f.chunking = s.Peer.chunks(tx) || s.Peer.noDATA && !tx.AskOnly
	s.Peer.probe.tried = s.Peer.probe.tried || f.chunking
	f.encoder.Dots = !f.chunking
	if s.begun == 0 || s.clean || f.lockStep && !s.needRSET {
		f.step = stepMail
	}
	s.begun++
	f.number = s.begun
	s.needRSET, s.clean = false, false
	s.octets += tx.Size
	s.flights = append(s.flights, f)
	s.writing = f
	s.fresh = true
	source.Begun(tx)
	return true
}

// room reports if another transaction could begin at all: asking the source
// for one costs a file's reading.
func (s *Sender) room() bool {
	if s.inFlight() == 0 {
		return true
	}
	if s.Peer.restrained() {
		return false
	}
	last := s.flights[len(s.flights)-1]
	return !last.lockStep && s.inFlight() < s.window.size &&
		(last.chunking || s.inFlight() < 2)
}

// inFlight is how many transactions have not got all their replies but that to their fence.
func (s *Sender) inFlight() int {
	n := len(s.flights)
	for _, f := range s.flights {
		if f.fenced && f.owed == 1 {
			n--
		}
	}
	return n
}

// fence says RSET behind a transaction, unless it is in lock step. Only once that is
// accepted are the transaction's replies believed: if the server gave one reply too many
// before, the reply to the content stands at RSET's place, and a refusal shows there. It
// is the RSET that the next transaction would begin with, so it costs nothing. A restrained
// Sender sends nothing behind content: one reply too many arrives while none is due. A
// transaction that only asks has no content, and always ends with RSET.
func (s *Sender) fence(f *flight) {
	if (f.lockStep || f.restrained) && !f.tx.AskOnly || f.fenced || s.link.mute != nil {
		return
	}
	f.fenced, s.clean = true, true
	s.ask("RSET", expectReset, f)
}

// mayStart reports if tx fits beside what is in flight.
func (s *Sender) mayStart(tx *Transaction) bool {
	if len(s.flights) == 0 {
		return true
	}
	if s.Peer.lockStep(tx) {
		return false
	}
	if s.inFlight() == 0 {
		return true
	}
	return s.room() &&
		s.octets+tx.Size <= windowOctets &&
		len(s.expected)+3+len(tx.To) <= windowReplies
}

// speak emits what f may say now and reports if that was anything.
func (s *Sender) speak(source Source, f *flight) bool {
	if f.lockStep && f.owed > 0 {
		return false
	}
	switch f.step {
	case stepReset:
		s.ask("RSET", expectReset, f)
		f.step = stepMail
	case stepMail:
		s.ask(mailCommand(f.tx, s.Peer.offered(f.plain)), expectMail, f)
		f.mailEnd = s.link.queued
		f.step = stepRcpt
	case stepRcpt:
		s.ask("RCPT TO:<"+f.tx.To[f.rcpt]+">", expectRcpt, f)
		if f.rcpt++; f.rcpt == len(f.tx.To) {
			f.step = stepData
		}
	case stepData:
		if f.tx.AskOnly {
			f.step = stepFinished
			break
		}
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
	s.link.put(line)
	s.expect(kind, f)
}

func (s *Sender) expect(kind expectKind, f *flight) {
	s.expected = append(s.expected, expect{kind: kind, flight: f, end: s.link.queued})
	f.owed++
}

// mailCommand gives only parameters that the server offered.
func mailCommand(tx *Transaction, offered Extensions) string {
	line := "MAIL FROM:<" + tx.From + ">"
	if offered.SizeOffered && !tx.AskOnly {
		line += " SIZE=" + strconv.FormatInt(tx.Size, 10)
	}
	if offered.EightBitMIME && tx.EightBit {
		line += " BODY=8BITMIME"
	}
	if tx.UTF8 {
		line += " SMTPUTF8"
	}
	return line
}
