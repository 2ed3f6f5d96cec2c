package auth

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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
		"421 4.7.0 ": ReplyTooManyLogins(),
	} {
		if said := string(reply.AppendTo(nil)); !strings.HasPrefix(said, want) || !strings.HasSuffix(said, "\r\n") {
			t.Errorf("got %q, want %q", said, want)
		}
	}
	if got, want := Names([]Mechanism{CRAMMD5("", nil), Plain(), Login()}), "CRAM-MD5 PLAIN LOGIN"; got != want {
		t.Errorf("EHLO would list %q, want %q", got, want)
	}
}

// If descriptors run out, be it at the first or at the last that is needed,
// that is our trouble: nobody is told that a password is wrong, nobody is let in,
// and nothing stays open.
func TestCheckWithoutDescriptors(t *testing.T) {
	p, _ := shell(t, `printf x >&4; exit 0`)
	before := openDescriptors()
	var standard unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &standard); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &standard)
	failures := 0
	for limit := 3; ; limit++ {
		few := standard
		set(&few.Cur, limit)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
			t.Fatal(err)
		}
		child, err := p.Check(credentials, far())
		if err == nil {
			child.Wait()
			break
		}
		failures++
		if errors.Is(err, ErrRefused) || limit > 200 {
			t.Fatalf("with %d descriptors: %v", limit, err)
		}
	}
	if failures < 3 {
		t.Errorf("it failed only %d times; open were %d", failures, before)
	}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &standard)
	if after := openDescriptors(); len(after) != len(before) {
		t.Errorf("open descriptors %d, before %d", after, before)
	}
}

// set sets a limit, which systems have in different types.
func set[T int64 | uint64](to *T, limit int) { *to = T(limit) }
