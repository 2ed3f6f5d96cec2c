package relay

import (
	"vodmr/internal/logline"
	"vodmr/relay/spool"
	"vodmr/smtp"
)

// A source is the Sender's smtp.Source: it sends the messages of the spool, and tells the
// spool what each reply means for each message.
type source struct {
	spool  *spool.Spool
	sender *smtp.Sender
	log    *logline.Logger
	wake   *wakeConn // nil if this is no standing session
	window int       // VODMR_WINDOW
	asking *asking   // nil if recipients are not learnt

	inFlight    map[*smtp.Transaction]*spool.Batch // or taken by the Sender, to begin
	foretold    []*spool.Batch                     // refused by the extensions, for settle
	shown       string                             // the notes' word for the customer's server; see server.go
	limited     bool                               // to one transaction, as the notes cannot be written
	refusedSome bool                               // the server refused something in this session
	took        bool                               // it took mail in this session
	takesNoMore bool                               // it refused a MAIL and accepted none since, and may accept that in another session
	lockStep    bool                               // the session is on the last rung
}

// newSource makes the session's source.
func (s *session) newSource(sender *smtp.Sender) *source {
	s.source = &source{
		spool: s.spool, sender: sender, log: s.Log, wake: s.wake, window: s.grant.Settings.Window,
		inFlight: make(map[*smtp.Transaction]*spool.Batch),
	}
	return s.source
}

// start is called once the server's extensions are known.
func (s *source) start() {
	s.restrain()
	s.recallServer()
	s.limit()
}

// foretoldMax is the most batches that wait for settle.
const foretoldMax = 100

// Next is smtp.Source's. It has no effects beyond the memory of this process.
func (s *source) Next() *smtp.Transaction {
	if tx := s.asking.next(); tx != nil {
		return tx
	}
	return s.nextMail()
}

// nextMail is the next batch's transaction; nil if nothing is to be sent.
func (s *source) nextMail() *smtp.Transaction {
	for s.mayBegin() && len(s.foretold) < foretoldMax {
		b := s.spool.Next()
		if b == nil {
			return nil
		}
		if b.Foretold.Code != 0 {
			s.foretold = append(s.foretold, b)
			continue
		}
		tx := b.Transaction
		tx.Plain = tx.Plain || s.lockStep
		s.inFlight[tx] = b
		return tx
	}
	return nil
}

// mayBegin reports if another transaction may begin.
func (s *source) mayBegin() bool {
	return !s.mailMaxReached() && !s.ending() && s.spool.Trust.MayOffer(len(s.foretold))
}

// terminating reports if this process was told to end.
func (s *source) terminating() bool { return s.wake != nil && s.wake.terminating }

// ending reports if the session ends once what is under way is done.
func (s *source) ending() bool { return s.wake != nil && (s.wake.terminating || s.wake.gone != nil) }

// mailMaxReached keeps RFC 9422's MAILMAX; the rest waits for another session.
func (s *source) mailMaxReached() bool {
	most := s.sender.Peer.Extensions.MailMax
	return most > 0 && s.sender.Begun() >= most
}

// Begun is smtp.Source's.
func (s *source) Begun(tx *smtp.Transaction) {
	s.asking.setTurn(!tx.AskOnly)
	if !tx.AskOnly {
		s.spool.Begun(s.inFlight[tx])
	}
}

// Sending is smtp.Source's: the notes are written before the mail goes, once for a window.
func (s *source) Sending() {
	s.settle()
	s.noteServer()
	s.spool.WriteAhead(s.sender.Window() - 1)
	s.limit()
}

// write writes all that is to be noted.
func (s *source) write() {
	s.settle()
	s.noteServer()
	s.spool.Write()
	s.limit()
}

// Answered is smtp.Source's.
func (s *source) Answered(tx *smtp.Transaction, decisions []smtp.Decision) {
	if tx.AskOnly {
		s.asking.answered(decisions)
		return
	}
	b := s.inFlight[tx]
	delete(s.inFlight, tx)
	s.spool.Ended(b)
	if b.Notice() {
		s.decideNotice(b, decisions[0].Reply, tx.Plain)
	} else {
		s.learn(b, decisions)
		s.asking.learn(b, decisions)
		s.decide(b, decisions, tx.Plain)
	}
	s.settle()
	s.limit()
}

// Failed is smtp.Source's: the file could not be read to its end.
func (s *source) Failed(tx *smtp.Transaction, err error) {
	b := s.inFlight[tx]
	delete(s.inFlight, tx)
	s.spool.Ended(b)
	s.spool.Failed(b, err)
	s.settle()
}

// settle writes what Next found out, and has bounces sent that are due. It reports if
// there was anything, so that Next may find more.
func (s *source) settle() (any bool) {
	foretold := s.foretold
	s.foretold = nil
	any = s.spool.Settle()
	for _, b := range foretold {
		s.spool.Ended(b)
		if b.Notice() {
			s.spool.Notices.Answered(b, b.Foretold)
		} else {
			s.decideForetold(b)
		}
	}
	return s.spool.Settle() || any || len(foretold) > 0
}

// decideForetold refuses the messages of a batch, in place of the customer's server.
func (s *source) decideForetold(b *spool.Batch) {
	for _, m := range b.Messages {
		s.spool.Refused(m, b.Foretold, spool.Foretold)
	}
	if !b.Retry() {
		s.spool.Trust.RefusedAll(b.Foretold)
	}
}

// limit has one transaction in flight while the notes cannot be written.
func (s *source) limit() {
	if s.limited == s.spool.NotesFailed {
		return
	}
	s.limited = s.spool.NotesFailed
	if s.limited {
		s.sender.Limit(1)
	} else {
		s.sender.Limit(s.window)
	}
}

// look looks for new mail, and takes back the limits that passing trouble has set.
func (s *source) look() error {
	err := s.spool.Look()
	if err == nil {
		s.spool.Trust.Looked()
		s.restrain()
		s.limit()
	}
	return err
}

// rest gives memory back, before a standing session waits.
func (s *source) rest() {
	s.noteServer()
	s.spool.Rest()
	s.limit()
	s.inFlight = make(map[*smtp.Transaction]*spool.Batch)
}

// close closes the files of what is in flight.
func (s *source) close() {
	s.asking.close()
	for _, b := range s.inFlight {
		s.spool.Ended(b)
	}
}
