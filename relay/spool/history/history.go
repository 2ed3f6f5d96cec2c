// Package history owns MAILDIR/vodmr.notes, the memory of a spool: which messages were
// tried, what the customer's server said, what went out in a session that broke, and how
// far that server is trusted.
//
// It takes the descriptor of an open Maildir and knows nothing of the messages in it but
// their base names.
package history

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// A Note is what is known of one message from earlier sessions.
type Note struct {
	Tries  int    // times that it was tried and kept
	First  int64  // Unix seconds of the peer's first deferral; 0 if there was none
	Last   int64  // Unix seconds of the last try; 0 if there was none
	Breaks int    // sessions in a row that broke while it was the suspect; at least DemoteAfter if it went alone
	Broke  int64  // Unix seconds of when the last of them was found broken; 0 if none was
	Done   bool   // the customer took it: only remove it, never send it again
	Reply  string // why it was kept last; cut to its code if there are very many
	Reason string // why it stays although it was never offered
}

// Closed reports if a 421 ended the last session that tried the message, which was not its
// first try. If it went with copies of it, the server may have refused so many of these that
// it hangs up (Postfix after 20 errors), and would do so each time.
func (n Note) Closed() bool { return n.Tries > 1 && strings.HasPrefix(n.Reply, "421") }

// A History is vodmr.notes as read and as it changes: what was tried, when, and what the
// peer said. With it, a message that breaks each session cannot block the others, no
// message is sent twice, and a deferral has a beginning. The caller holds the Maildir's
// lock, unless it only reads (Of). A damaged file is never a reason to stop.
//
// A line is `TIME VERB FILE rest`: TIME in Unix seconds, FILE the base name with bytes
// outside printable ASCII, space and % as %XX. Numbers are absolute, so that a line
// written twice does no harm.
//
//	session ID               a session begins
//	passed COUNT             so many in a row broke before a demoted message had its turn
//	sent FILE                is about to be sent: a transaction begins
//	also FILE                in the same transaction as the line before
//	again FILE               was answered, but is to be sent again in this session
//	kept FILE TRIES FIRST reply    FIRST is 0 if the peer never deferred it
//	broke FILE BREAKS        the session before TIME broke, and it was a suspect
//	stays FILE reason
//	done FILE
//	bounced COUNT            so many bounces went out in the day that began at TIME
//	taken 0|1                whether the customer's server ever took a message
//	refused COUNT            transactions in a row that it refused for good, until TIME
//	rung RUNG COUNT          on this rung of the ladder since TIME; so many messages were taken on it
//	server KEY WORD          the customer's server with that key showed what the word says
//
// The size of the file is bounded: vodmr wrote no larger one. The notes of messages are
// bounded too, in number and in the bytes of their lines.
type History struct {
	Damaged int // lines that could not be understood

	state  state
	out    file
	unread error // see Unread

	announced announced // and not sent yet
}

const (
	maxText  = 400 // bytes of a reply or a reason
	keepDone = 30 * 24 * time.Hour
)

// Of returns what is known of the message with that base name. A first deferral in the future
// was noted by a clock that was wrong: it would be the last one that counts until then.
func (h *History) Of(base string) Note {
	note := h.state.of(base)
	if note.First > h.state.clock().Unix() {
		note.First = 0
	}
	return note
}

// Ended returns when a session last ended cleanly, in Unix seconds, or 0 if none is known.
func (h *History) Ended() int64 { return h.state.ended }

// Begin starts a session. bases hands on the base names of *all* messages that are in the
// Maildir; notes of other messages are dropped. If the last session broke, the suspects
// are the messages of the first transaction that it left unanswered, except those that
// are gone: the Breaks of each suspect goes up, and their base names are returned. If all
// messages of a transaction are gone, the next one counts. An error means that nothing can
// be written; the session may go on.
func (h *History) Begin(session string, bases func(yield func(base []byte) bool)) (suspects []string, err error) {
	there := h.state.there(bases)
	h.Keep(func(base string) bool { return there[base] })
	suspects = h.state.suspects(there)
	h.state.passOver(suspects)
	for _, base := range suspects {
		if breaks := h.state.breaks(base); h.state.setBroke(base, breaks, h.state.clock().Unix()) {
			h.addLine("broke", base, int64(breaks))
		}
	}
	h.climb()
	h.state.begin(session)
	h.announced = nil
	h.addLine("session", h.state.session)
	h.addLine("passed", strconv.Itoa(h.state.passed))
	if err = h.rewrite(); err != nil {
		err = h.Flush() // the old file is better than none
	}
	return suspects, err
}

// End notes that the session ended cleanly: messages that it left unanswered are not
// suspects.
// Call Flush after it.
func (h *History) End() {
	h.state.begin(cleanEnd)
	h.announced = nil
	h.state.ended = h.state.clock().Unix()
	h.addLine("session", h.state.session)
	if !h.state.trust.taken {
		h.addLine("taken", "0") // older versions had no such line
	}
}

// cleanEnd stands for the session's name in the line that notes a clean end.
const cleanEnd = "-"

// unnamed is the session's name if no other is known.
const unnamed = "unnamed"

// Sent notes that these messages are about to be sent in one transaction: the copies of
// one message. Flush must be called before they are, if Unwritten says so.
func (h *History) Sent(bases ...string) {
	if h.announced.next(bases, h.state.unanswered) {
		return
	}
	h.Withdraw()
	for i, base := range bases {
		h.state.setSent(base, i > 0)
		h.addLine(sentVerb(i), base)
	}
}

// Retry notes that the peer answered, but so that the message is sent again in this
// session. It is not unanswered any more, and everything known of it stays.
func (h *History) Retry(base string) {
	delete(h.state.unanswered, base)
	h.addLine("again", base)
}

// Kept notes that the peer deferred the message, which stays in the Maildir.
func (h *History) Kept(base, reply string) {
	h.kept(base, cmp.Or(h.Of(base).First, h.state.clock().Unix()), reply)
}

// Doubted notes that the peer refused the message for good, and that it is kept because
// that is not believed yet. It does the same as Kept, except that First is the start of
// an unbroken series of such refusals.
func (h *History) Doubted(base, reply string) {
	h.kept(base, cmp.Or(h.RefusedSince(base), h.state.clock().Unix()), reply)
}

// RefusedSince returns when the peer began to refuse the message for good, in Unix
// seconds, or 0 if its last answer was another one.
func (h *History) RefusedSince(base string) int64 {
	note := h.Of(base)
	if !strings.HasPrefix(note.Reply, "5") {
		return 0
	}
	return note.First
}

// Tried notes that the message is kept for a local reason: its file could not be read to
// the end, or its bounce could not be queued. It does the same as Kept, but leaves First
// alone, since this must not start the clock of a deferral.
func (h *History) Tried(base, reply string) {
	h.kept(base, h.Of(base).First, reply)
}

func (h *History) kept(base string, first int64, reply string) {
	tries := h.Of(base).Tries + 1
	if h.state.setKept(base, tries, first, h.state.clock().Unix(), cut(reply)) {
		h.addLine("kept", base, int64(tries), first, h.Of(base).Reply)
	} else {
		h.Retry(base) // there is no room, but it was answered
	}
}

// Stays notes that the message cannot be offered at all. changed is false if that need
// not be logged: it was noted before, or there is no room for another reason, which would
// then be logged in each session.
func (h *History) Stays(base, reason string) (changed bool) {
	reason = cut(reason)
	_, sent := h.state.unanswered[base]
	changed = (h.Of(base).Reason != reason || reason == "") && h.state.setStays(base, reason)
	if changed {
		h.addLine("stays", base, reason)
	} else if sent {
		h.Retry(base) // or the file would still call it unanswered
	}
	return changed
}

// Done notes that the customer took the message but it could not be removed. It returns
// false if there is no room for the note.
func (h *History) Done(base string) (noted bool) {
	if noted = h.state.setDone(base, h.state.clock().Unix()); noted {
		h.addLine("done", base)
	}
	return noted
}

// Forget drops all notes of a message that was delivered or bounced, and removed.
func (h *History) Forget(base string) {
	delete(h.state.unanswered, base)
	h.state.drop(base)
}

// Keep drops the notes of messages that are gone. It is for a standing session too, between
// Begin and End.
func (h *History) Keep(there func(base string) bool) {
	recent := h.state.clock().Add(-keepDone).Unix()
	for base, note := range h.state.files {
		// A message that must never be sent again may come back, since a mail reader can take
		// its deletion mark away.
		if mayComeBack := note.Done && note.Last > recent; !there(base) && !mayComeBack {
			h.state.drop(base)
		}
	}
}

// there returns the noted names that bases has too. There may be a million bases, so no
// others are remembered.
func (s *state) there(bases func(func([]byte) bool)) map[string]bool {
	found := make(map[string]bool)
	if len(s.files)+len(s.unanswered) == 0 {
		return found
	}
	for base := range bases {
		_, noted := s.files[string(base)]
		_, sent := s.unanswered[string(base)]
		if noted || sent {
			found[string(base)] = true
		}
	}
	return found
}

func cut(text string) string { return text[:min(len(text), maxText)] }
