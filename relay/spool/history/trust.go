package history

import "strconv"

// A trust records what the customer's server did with mail so far. If it never took any, it
// is likelier to be set up wrong than to mean each refusal.
type trust struct {
	taken     bool  // it took a message
	known     bool  // a line of the file told if it did
	refused   int   // transactions that it refused for good since, in a row
	refusedAt int64 // when the last of these was, in Unix seconds
}

// maxRefused is how many transactions in a row may be refused for good before that says
// more about the server than about the mail.
const maxRefused = 10

// Taken notes that the customer's server took a transaction of so many messages.
func (h *History) Taken(messages int) {
	t := &h.state.trust
	if !t.taken {
		h.addLine("taken", "1")
	}
	if t.refused > 0 {
		h.addLine("refused", "0")
	}
	*t = trust{taken: true, known: true}
	h.takenOn(messages)
}

// Refused notes that it refused a transaction for good, with all its messages.
func (h *History) Refused() {
	h.state.setRefused(min(h.state.trust.refused+1, 1<<20), h.state.clock().Unix())
	h.addLine("refused", strconv.Itoa(h.state.trust.refused))
}

func (s *state) setRefused(refused int, when int64) {
	if refused == 0 {
		when = 0
	}
	s.trust.refused, s.trust.refusedAt = refused, when
}

// Trusts reports if a refusal for good is believed: the customer's server once took a
// message, and has not refused too many in a row since.
func (h *History) Trusts() bool { return h.state.trust.taken && h.state.trust.refused < maxRefused }

// EverTaken reports if the customer's server ever took a message.
func (h *History) EverTaken() bool { return h.state.trust.taken }

// LastRefused returns when a transaction was last refused for good, in Unix seconds, or 0 if
// one was taken since or none was refused.
func (h *History) LastRefused() int64 { return h.state.trust.refusedAt }

// appendTo writes the lines that restore it; ended is when a session last ended cleanly.
func (t *trust) appendTo(buf []byte, now, ended int64) []byte {
	if t.taken || ended != 0 {
		buf = appendNote(buf, now, "taken", flag(t.taken))
	}
	if t.refused > 0 {
		buf = appendNote(buf, t.refusedAt, "refused", strconv.Itoa(t.refused))
	}
	return buf
}
