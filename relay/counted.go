package relay

import "fmt"

// counted is what ATRN's reply tells of the mail, since RFC 2645 leaves its text free: how
// many messages are in the Maildir, and how large they are if their names tell that. atrn
// shows by it how long the rest will take. It is empty if the listing is unfinished, or if
// the customer asked for a part of the mail: that part is not counted.
func (s *session) counted() string {
	messages, bytes, known := s.spool.Waiting()
	switch {
	case !known || s.grant.Narrowed():
		return ""
	case messages == 0:
		return ", no message waits"
	case bytes > 0 && messages == 1:
		return fmt.Sprintf(", 1 message waits, %d bytes", bytes)
	case bytes > 0:
		return fmt.Sprintf(", %d messages wait, %d bytes", messages, bytes)
	case messages == 1:
		return ", 1 message waits"
	}
	return fmt.Sprintf(", %d messages wait", messages)
}
