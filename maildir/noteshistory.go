package maildir

import "strconv"

// A history is what the customer's server did with mail so far. One that never took any
// is likelier to be set up wrong than to mean each refusal.
type history struct {
	taken     bool  // it took a message
	known     bool  // a line said whether it did
	refused   int   // transactions that it refused for good since, in a row
	refusedAt int64 // when the last of these was, in Unix seconds
}

// maxRefused is how many transactions in a row may be refused for good before that says
// more about the server than about the mail.
const maxRefused = 10

// Taken says that the customer's server took a transaction of so many messages.
func (n *Notes) Taken(messages int) {
	h := &n.history
	if !h.taken {
		n.line("taken", "1")
	}
	if h.refused > 0 {
		n.line("refused", "0")
	}
	*h = history{taken: true, known: true}
	n.takenOn(messages)
}

// Refused says that it refused a transaction for good, with all its messages.
func (n *Notes) Refused() {
	n.setRefused(min(n.history.refused+1, 1<<20), n.clock().Unix())
	n.line("refused", strconv.Itoa(n.history.refused))
}

func (n *Notes) setRefused(refused int, when int64) {
	if refused == 0 {
		when = 0
	}
	n.history.refused, n.history.refusedAt = refused, when
}

// Trusts says whether a refusal for good is believed: the customer's server took a
// message once, and has not refused too many in a row since.
func (n *Notes) Trusts() bool { return n.history.taken && n.history.refused < maxRefused }

// EverTaken says whether the customer's server ever took a message.
func (n *Notes) EverTaken() bool { return n.history.taken }

// LastRefused is when a transaction was refused for good last, in Unix seconds; 0 if one
// was taken since, or none was refused.
func (n *Notes) LastRefused() int64 { return n.history.refusedAt }

// infer takes a customer whose sessions ended in order for one that took mail, if the
// notes are of a version that did not say.
func (n *Notes) infer() {
	if !n.history.known {
		n.history.taken = n.ended != 0
	}
}

// appendTo writes the lines that make it again; ended is when a session ended in order.
func (h *history) appendTo(buf []byte, now, ended int64) []byte {
	switch {
	case h.taken:
		buf = appendNote(buf, now, "taken", "1")
	case ended != 0:
		buf = appendNote(buf, now, "taken", "0")
	}
	if h.refused > 0 {
		buf = appendNote(buf, h.refusedAt, "refused", strconv.Itoa(h.refused))
	}
	return buf
}
