package maildir

import "time"

// A Note is what is known of one message from earlier sessions.
type Note struct {
	Tries       int    // answers that deferred it
	First, Last int64  // Unix seconds of the first and the last deferral; 0 where there was none
	Breaks      int    // sessions in a row that broke while it was the suspect
	Done        bool   // the customer took it: only remove it, never send it again
	Reply       string // what deferred it last; may be cut or lost where there are very many
	Reason      string // why it stays although it was never offered
}

// Notes is MAILDIR/vodmr.notes: what was tried, when, and what was said. They are
// there so that a message that breaks each session cannot block the rest, that none
// is sent twice, and that a deferral has a beginning. The caller holds Lock, unless it
// only reads (Of). Nothing that is wrong with the file is a reason to stop.
//
// A line is `TIME VERB FILE rest`: TIME in Unix seconds, FILE the base name with bytes
// outside printable ASCII, space and % as %XX. Numbers are absolute, so that a line
// written twice does no harm.
//
//	session ID               a session begins
//	sent FILE                is about to be sent
//	kept FILE TRIES FIRST reply
//	broke FILE BREAKS
//	stays FILE reason
//	done FILE
type Notes struct {
	Damaged int // lines that could not be understood

	box   *Box
	clock func() time.Time

	files      map[string]*Note
	unanswered map[string]int // sent in this session: the place in the order
	places     int
	reasons    int // notes with a Reason
	session    string
	ended      int64

	out notesFile
}

const (
	maxReasons = 20000  // more of them are logged anew in each session
	maxNotes   = 200000 // more deferrals begin anew in each session
	maxTexts   = 20000  // notes beyond it are kept without the reply
	maxText    = 400    // bytes of a reply or a reason
	keepDone   = 30 * 24 * time.Hour
)

// Of is what is known of the message with that base name.
func (n *Notes) Of(base string) Note {
	if note := n.files[base]; note != nil {
		return *note
	}
	return Note{}
}

// Ended is when the last session that ended in order did, in Unix seconds; 0 where none
// is known.
func (n *Notes) Ended() int64 { return n.ended }

// Begin starts a session. bases hands on the base names of *all* messages that are
// there (List.Bases after a whole Scan): what is noted of others is dropped. If the
// last session broke, the first message that it left unanswered and that is still
// there is the suspect: its Breaks goes up and its base name is returned. The error
// says why nothing can be written; the session may go on.
func (n *Notes) Begin(session string, bases func(yield func(base []byte) bool)) (suspect string, err error) {
	there := n.there(bases)
	for base, note := range n.files {
		if !there[base] && !n.mayComeBack(note) {
			n.drop(base)
		}
	}
	for _, base := range n.inFlight() {
		if there[base] {
			suspect = base
			break
		}
	}
	if suspect != "" {
		n.setBroke(suspect, n.Of(suspect).Breaks+1)
		n.line("broke", suspect, int64(n.Of(suspect).Breaks))
	}
	n.begin(session)
	n.line("session", n.session)
	if err = n.rewrite(); err != nil {
		err = n.Flush() // the old file is better than none
	}
	return suspect, err
}

// End says that the session ended in order: what it left unanswered was not at fault.
// Call Flush after it.
func (n *Notes) End() {
	n.begin(inOrder)
	n.ended = n.clock().Unix()
	n.line("session", n.session)
}

// inOrder is the session's name in the line that says that the last one ended in order.
const inOrder = "-"

// Sent says that the message is about to be sent. Flush must be called before it is.
func (n *Notes) Sent(base string) {
	n.setSent(base)
	n.line("sent", base)
}

// Kept says that the peer answered and the message is kept.
func (n *Notes) Kept(base, reply string) {
	now, note := n.clock().Unix(), n.Of(base)
	if note.First == 0 {
		note.First = now
	}
	reply = cut(reply)
	if n.setKept(base, note.Tries+1, note.First, now, reply) {
		n.line("kept", base, int64(note.Tries+1), note.First, reply)
	}
}

// Stays says that the message cannot be offered to anybody. It returns false where
// the same was noted before, and need not be logged again.
func (n *Notes) Stays(base, reason string) (changed bool) {
	reason = cut(reason)
	if n.Of(base).Reason == reason && reason != "" {
		delete(n.unanswered, base)
		return false
	}
	if n.setStays(base, reason) {
		n.line("stays", base, reason)
	}
	return true
}

// Done says that the customer took the message but it could not be removed.
func (n *Notes) Done(base string) {
	n.setDone(base, n.clock().Unix())
	n.line("done", base)
}

// Forget says that the message is gone: delivered or bounced, and removed.
func (n *Notes) Forget(base string) {
	delete(n.unanswered, base)
	n.drop(base)
}

// there gives those of the noted names that bases has. A million names pass by, so
// only the noted ones are kept.
func (n *Notes) there(bases func(func([]byte) bool)) map[string]bool {
	found := make(map[string]bool)
	if len(n.files)+len(n.unanswered) == 0 {
		return found
	}
	bases(func(base []byte) bool {
		_, noted := n.files[string(base)]
		_, sent := n.unanswered[string(base)]
		if noted || sent {
			found[string(base)] = true
		}
		return true
	})
	return found
}

// mayComeBack keeps what must never be sent again, even while it is not listed: a
// mail reader can mark a message as deleted and change its mind.
func (n *Notes) mayComeBack(note *Note) bool {
	return note.Done && n.clock().Unix()-note.Last < int64(keepDone/time.Second)
}

func cut(text string) string { return text[:min(len(text), maxText)] }
