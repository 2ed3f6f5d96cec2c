package maildir

import "bytes"

// deliveriesBefore finds the lines Delivered-To of deliveries that only led to another one:
// local(8) of Postfix forwards mail of an alias, or of luser_relay, if the target is none of
// its own addresses. It writes such a line above the message, and Postfix a Received without
// a sending host above that. No sender can write between the two Received lines. The
// message keeps such a line as any hop does, but a customer's own Postfix would take it for
// the sign of a loop, and refuse the message (5.4.6).
func (s lines) deliveriesBefore() (cut []Span) {
	for {
		l, _ := s.next()
		if !l.is("Received: by ") || !bytes.HasSuffix(l.text, []byte(" (Postfix)")) {
			return cut
		}
		for s.peek().isFolded() {
			s.next()
		}
		l, _ = s.next()
		if !l.is(deliveredTo) || !s.peek().is(received) {
			return cut
		}
		cut = append(cut, l.span)
	}
}
