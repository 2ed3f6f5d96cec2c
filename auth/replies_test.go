package auth

import (
	"strings"
	"testing"

	"vodmr/smtp"
)

// Clients decide by the codes what to do next: they are those of RFC 4954
// section 6 and of RFC 3463.
func TestReplies(t *testing.T) {
	for want, reply := range map[string]smtp.Reply{
		"334 ":       replyChallenge(""),
		"501 5.0.0 ": ReplyCancelled(),
		"501 5.5.2 ": ReplyBadBase64(),
		"501 5.5.4 ": ReplyNoMechanism(),
		"501 5.7.0 ": ReplyNoInitial(),
		"504 5.5.4 ": ReplyUnknownMechanism(),
		"535 5.7.8 ": ReplyRefused(),
		"454 4.7.0 ": ReplyTrouble(),
		"538 5.7.11": ReplyNeedsTLS(),
		"530 5.7.0 ": ReplyRequired(),
	} {
		if said := string(reply.AppendTo(nil)); !strings.HasPrefix(said, want) || !strings.HasSuffix(said, "\r\n") {
			t.Errorf("got %q, want %q", said, want)
		}
	}
	if got, want := Names([]Mechanism{CRAMMD5("", nil), Plain(), Login()}), "CRAM-MD5 PLAIN LOGIN"; got != want {
		t.Errorf("EHLO would list %q, want %q", got, want)
	}
}
