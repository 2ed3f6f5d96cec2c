package integration

import (
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/mtafront"
)

// TestDoorFronts: Exim and OpenSMTPD as the front refuse what the customer does not have,
// during a standing session and from what was learnt, and take everything if nobody knows.
func TestDoorFronts(t *testing.T) {
	t.Parallel()
	for _, kind := range mtafront.Asking(program(t, "vodmr-rcpt")) {
		t.Run(kind.ID, func(t *testing.T) {
			t.Parallel()
			testDoorFront(t, startFront(t, kind))
		})
	}
}

func testDoorFront(t *testing.T, f *frontSite) {
	door := filepath.Join(f.Dir, "door")
	account{mtafront.MailUser, mtafront.AskingGroup}.mkdir(t, door, 0o750)
	if err := os.Chmod(door, os.ModeSetgid|0o750); err != nil {
		t.Fatal(err)
	}
	p := f.listen(t, "VODMR_IDLE=86400", "VODMR_NOOP=1", "VODMR_ASK=100", "VODMR_DOOR="+door)
	mailbox := filepath.Join(t.TempDir(), "Maildir")
	args := []string{program(t, "customer"), mailbox, "only", "bob@" + mtafront.Domain}
	want := func(local, reply string) {
		t.Helper()
		if got := f.rcpt(t, local+"@"+mtafront.Domain); !strings.HasPrefix(got, reply) {
			t.Errorf("%s: the front says %q, want %q", local, got, reply)
		}
	}
	const refusal = "550 5.1.1 nobody here has that address"
	want("nobody", "250") // nobody can be asked
	done := background(func() (int, string) { return f.site.atrn(t, p, args...) })
	eventually(t, time.Minute, "the session has a socket", func() bool {
		_, err := os.Stat(filepath.Join(door, mtafront.Domain))
		return err == nil
	})
	f.send(t, "bob@"+mtafront.Domain)
	eventually(t, time.Minute, "it is sent", func() bool { return f.Idle() && len(names(t, filepath.Join(f.Maildir(), "new"))) == 0 })
	want("bob", "250")
	want("nobody", refusal)
	want("bob", "250")
	for _, strange := range []string{`"a b"`, "-x", "/bin/sh", "`id`", "$(id)", "o'neil", `"a|b"`} {
		if got := f.rcpt(t, strange+"@"+mtafront.Domain); got == "250" || strings.HasPrefix(got, "4") {
			t.Errorf("%s: the front says %q", strange, got)
		}
	}
	brought := f.answerOddSenders(t)
	eventually(t, time.Minute, "what odd senders brought is sent", func() bool { return arrived(t, mailbox, "Subject: odd") == brought })
	f.site.end(t, syscall.SIGTERM)
	endedWell(t, done)
	want("nobody", refusal)
	want("bob", "250")
	want("other", "250")
	os.Rename(door, door+".away") // whatever is wrong with the door, nothing is refused
	want("nobody", "250")
}

// rcpt says MAIL and RCPT to the front, and gives the reply to RCPT.
func (f *frontSite) rcpt(t testing.TB, address string) string {
	t.Helper()
	c, err := smtp.Dial("127.0.0.1:" + f.Port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail("ann@" + mtafront.SenderDomain); err != nil {
		t.Fatal(err)
	}
	return replyOf(c.Rcpt(address))
}

// send sends a message through the front.
func (f *frontSite) send(t testing.TB, to string) {
	t.Helper()
	text := "Subject: hello\r\nMessage-ID: <1@" + mtafront.SenderDomain + ">\r\n\r\ntext\r\n"
	if err := smtp.SendMail("127.0.0.1:"+f.Port, nil, "ann@"+mtafront.SenderDomain, []string{to}, []byte(text)); err != nil {
		t.Fatal(err)
	}
}
