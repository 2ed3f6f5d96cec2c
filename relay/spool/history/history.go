package history

import (
	"strconv"
	"strings"
	"time"
)

// A Note is what is known of one message from earlier sessions.
type Note struct {
	Tries  int    // times that it was tried and kept
	First  int64  // Unix seconds of the peer's first deferral; 0 where there was none
	Last   int64  // Unix seconds of the last try; 0 where there was none
	Breaks int    // sessions in a row that broke while it was the suspect; DemoteAfter at least if it went alone
	Broke  int64  // Unix seconds of when the last of them was found broken; 0 where none was
	Done   bool   // the customer took it: only remove it, never send it again
	Reply  string // why it was kept last; cut to its code if there are very many
	Reason string // why it stays although it was never offered
}

// History is MAILDIR/vodmr.notes: what was tried, when, and what was said. They are
// there so that a message that breaks each session cannot block the rest, that none
// is sent twice, and that a deferral has a beginning. The caller holds Lock, unless it
// only reads (Of). Nothing that is wrong with the file is a reason to stop.
//
// A line is `TIME VERB FILE rest`: TIME in Unix seconds, FILE the base name with bytes
// outside printable ASCII, space and % as %XX. Numbers are absolute, so that a line
// written twice does no harm.
//
//	session ID               a session begins
//	passed COUNT             so many in a row broke before what was set aside had its turn
//	sent FILE                is about to be sent: a transaction begins
//	also FILE                in the same transaction as the line before
//	again FILE               was answered, but is to be sent again in this session
//	kept FILE TRIES FIRST reply    FIRST is 0 where the peer never deferred it
//	broke FILE BREAKS        the session before TIME broke, and it was a suspect
//	stays FILE reason
//	done FILE
//	bounced COUNT            so many bounces went out in the day that began at TIME
//	taken 0|1                whether the customer's server ever took a message
//	refused COUNT            transactions in a row that it refused for good, until TIME
//	rung RUNG COUNT          on this rung of the ladder since TIME; so many messages were taken on it
//	server KEY WORD          the customer's server with that key showed what the word says
//
// The file is bounded: a larger one is not ours. So are the notes of messages, in number
// and in the bytes of their lines.
type History struct {
	Damaged int // lines that could not be understood

	dir   int    // MAILDIR
	path  string // its path, for the texts of errors
	clock func() time.Time

	files      map[string]*Note
	unanswered map[string]int // sent in this session: its transaction's place in the order
	places     int
	sending    bool // the last line was sent or also: one more also joins it
	reasons    int  // notes with a Reason
	size       int  // bytes of the lines that make all notes again
	loading    bool // the file is being read
	tooMuch    bool // it holds more than is ever written
	session    string
	ended      int64
	passed     int // sessions in a row that broke before what was set aside had its turn
	servers    map[string]serverNote

	bounced      int   // bounces within the day
	bouncedSince int64 // Unix seconds of the day's start, its first bounce
	trust        trust
	ladder       ladder

	out    file
	unread error // see Unread
}

const (
	maxText  = 400 // bytes of a reply or a reason
	keepDone = 30 * 24 * time.Hour
)

// Of is what is known of the message with that base name.
func (h *History) Of(base string) Note {
	if note := h.files[base]; note != nil {
		return *note
	}
	return Note{}
}

// Ended is when the last session that ended in order did, in Unix seconds; 0 where none
// is known.
func (h *History) Ended() int64 { return h.ended }

// Begin starts a session. bases hands on the base names of *all* messages that are
// there (List.Bases after a whole Scan): what is noted of others is dropped. If the
// last session broke, the messages of the first transaction that it left unanswered are
// the suspects, without those that are gone: the Breaks of each goes up and their base
// names are returned. A transaction of which all are gone is passed over. The error
// says why nothing can be written; the session may go on.
func (h *History) Begin(session string, bases func(yield func(base []byte) bool)) (suspects []string, err error) {
	there := h.there(bases)
	for base, note := range h.files {
		if !there[base] && !h.mayComeBack(note) {
			h.drop(base)
		}
	}
	suspects = h.suspects(there)
	h.passOver(suspects)
	for _, base := range suspects {
		if breaks := h.breaks(base); h.setBroke(base, breaks, h.clock().Unix()) {
			h.addLine("broke", base, int64(breaks))
		}
	}
	h.climb()
	h.begin(session)
	h.addLine("session", h.session)
	h.addLine("passed", strconv.Itoa(h.passed))
	if err = h.rewrite(); err != nil {
		err = h.Flush() // the old file is better than none
	}
	return suspects, err
}

// End says that the session ended in order: what it left unanswered was not at fault.
// Call Flush after it.
func (h *History) End() {
	h.begin(cleanEnd)
	h.ended = h.clock().Unix()
	h.addLine("session", h.session)
	if !h.trust.taken {
		h.addLine("taken", "0") // older versions had no such line
	}
}

// cleanEnd is the session's name in the line that says that the last one ended in order.
const cleanEnd = "-"

// unnamed is the session's name where none is known.
const unnamed = "unnamed"

// Sent says that these messages are about to be sent in one transaction: the copies of
// one message. Flush must be called before they are.
func (h *History) Sent(bases ...string) {
	for i, base := range bases {
		h.setSent(base, i > 0)
		h.addLine(sentVerb(i), base)
	}
}

// Again says that the peer answered, but in a way that has the message repeated in this
// session: it is not unanswered any more, and all else that is known of it stays.
func (h *History) Retry(base string) {
	h.setRetry(base)
	h.addLine("again", base)
}

// Kept says that the peer deferred the message: it is kept.
func (h *History) Kept(base, reply string) {
	first := h.Of(base).First
	if first == 0 {
		first = h.clock().Unix()
	}
	h.kept(base, first, reply)
}

// Doubted says that the peer refused the message for good, and that it is kept since
// that is not believed yet: it is Kept, but First is when the peer first said so, with
// nothing else in between.
func (h *History) Doubted(base, reply string) {
	first := h.RefusedSince(base)
	if first == 0 {
		first = h.clock().Unix()
	}
	h.kept(base, first, reply)
}

// RefusedSince is when the peer first refused for good, in Unix seconds, what it refused
// for good the last time; else 0.
func (h *History) RefusedSince(base string) int64 {
	note := h.Of(base)
	if !strings.HasPrefix(note.Reply, "5") {
		return 0
	}
	return note.First
}

// Tried says that the message is kept for a reason that is not the peer's: its file
// could not be read to the end, its bounce not be queued. It is Kept but for First,
// since this must not start the clock of a deferral.
func (h *History) Tried(base, reply string) {
	h.kept(base, h.Of(base).First, reply)
}

func (h *History) kept(base string, first int64, reply string) {
	tries := h.Of(base).Tries + 1
	if h.setKept(base, tries, first, h.clock().Unix(), cut(reply)) {
		h.addLine("kept", base, int64(tries), first, h.Of(base).Reply)
	} else {
		h.Retry(base) // no room; but answered
	}
}

// Stays says that the message cannot be offered to anybody. It returns false where it
// need not be logged: the same was noted before, or so many reasons are noted that this
// one cannot be, and would be logged anew in each session.
func (h *History) Stays(base, reason string) (changed bool) {
	reason = cut(reason)
	_, sent := h.unanswered[base]
	changed = (h.Of(base).Reason != reason || reason == "") && h.setStays(base, reason)
	switch {
	case changed:
		h.addLine("stays", base, reason)
	case sent:
		h.Retry(base) // or the file would still call it unanswered
	}
	return changed
}

// Done says that the customer took the message but it could not be removed. It returns
// false if there is no room to note it.
func (h *History) Done(base string) (noted bool) {
	noted = h.setDone(base, h.clock().Unix())
	if noted {
		h.addLine("done", base)
	}
	return noted
}

// Forget says that the message is gone: delivered or bounced, and removed.
func (h *History) Forget(base string) {
	delete(h.unanswered, base)
	h.drop(base)
}

// Keep drops what is noted of messages that are not there. It is for a session that
// stands, between Begin and End.
func (h *History) Keep(there func(base string) bool) {
	for base, note := range h.files {
		if !there(base) && !h.mayComeBack(note) {
			h.drop(base)
		}
	}
}

// there gives those of the noted names that bases has. A million names pass by, so
// only the noted ones are kept.
func (h *History) there(bases func(func([]byte) bool)) map[string]bool {
	found := make(map[string]bool)
	if len(h.files)+len(h.unanswered) == 0 {
		return found
	}
	bases(func(base []byte) bool {
		_, noted := h.files[string(base)]
		_, sent := h.unanswered[string(base)]
		if noted || sent {
			found[string(base)] = true
		}
		return true
	})
	return found
}

// mayComeBack keeps what must never be sent again, even while it is not listed: a
// mail reader can mark a message as deleted and change its mind.
func (h *History) mayComeBack(note *Note) bool {
	return note.Done && h.clock().Unix()-note.Last < int64(keepDone/time.Second)
}

func cut(text string) string { return text[:min(len(text), maxText)] }
