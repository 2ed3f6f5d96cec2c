package relay

import "fmt"

// counted is what ATRN's reply tells of the mail, since RFC 2645 leaves its text free: how
// many messages are in the Maildir, and how large they are if their names tell that. atrn
// shows by it how long the rest will take. It is empty if the listing is unfinished, or if
// the customer asked for a part of the mail: that part is not counted.
func (s *session) counted() string {
	messages, bytes, known := s.spool.Waiting()
	if !known || s.grant.Narrowed() {
		return ""
	}
	text := fmt.Sprintf(", %d messages wait", messages)
	switch messages {
	case 0:
		text = ", no message waits"
	case 1:
		text = ", 1 message waits"
	}
	if bytes > 0 {
		text += fmt.Sprintf(", %d bytes", bytes)
	}
	return text
}
