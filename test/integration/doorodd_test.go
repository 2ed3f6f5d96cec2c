package integration

import (
	"bytes"
	"fmt"
	"net"
	"net/textproto"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/mtafront"
)

// oddSenders are dialogues with a front of a customer that only has bob, and the replies' codes.
// What is said at once is one string. OpenSMTPD has neither PIPELINING, SMTPUTF8 nor
// CHUNKING, and knows no quoted local part.
func oddSenders(kind string) map[string]string {
	const domain, mail = "@" + mtafront.Domain + ">\r\n", "MAIL FROM:<ann@" + mtafront.SenderDomain + ">"
	if kind == "opensmtpd-asking" {
		return map[string]string{
			mail + " BODY=8BITMIME\r\n" + `RCPT TO:<"bob"` + domain + "RCPT TO:<nobody" + domain + "RCPT TO:<bob@" + strings.ToUpper(mtafront.Domain) + ">\r\nRSET\r\n": "250 501 550 250 250",
		}
	}
	text := "Subject: odd\r\n\r\nodd\r\n"
	chunk := fmt.Sprintf("BDAT %d LAST\r\n", len(text)) + text
	return map[string]string{
		mail + "\r\nRCPT TO:<nobody" + domain + "RCPT TO:<bob" + domain + `RCPT TO:<"a b"` + domain + "DATA\r\n":                         "250 550 250 550 354",
		mail + " SMTPUTF8\r\nRCPT TO:<jürgen" + domain + "RCPT TO:<bob" + domain + `RCPT TO:<"jü gen"` + domain + chunk:                  "250 550 250 550 250",
		mail + "\r\nRCPT TO:<nobody" + domain + chunk + "RSET\r\n" + mail + "\r\n" + `RCPT TO:<"bob"` + domain + chunk:                   "250 550 5 250 250 250 250",
		mail + "\r\nRCPT TO:<@relay.example:nobody" + domain + "RCPT TO:<bob@" + strings.ToUpper(mtafront.Domain) + ">\r\n" + "RSET\r\n": "250 550 250 250",
	}
}

// answerOddSenders plays the dialogues and counts the messages that they bring. A dialogue that ends
// in DATA is ended without content: such a message does not arrive.
func (f *frontSite) answerOddSenders(t *testing.T) (brought int) {
	t.Helper()
	for said, want := range oddSenders(f.Kind.ID) {
		conn, err := net.Dial("tcp", "127.0.0.1:"+f.Port)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		c := textproto.NewConn(conn)
		heardReply(t, c)
		_ = c.PrintfLine("EHLO sender.test")
		offers := heardReply(t, c)
		parts := []string{said}
		if !strings.Contains(offers, "PIPELINING") {
			parts = strings.SplitAfter(strings.TrimSuffix(said, "\r\n"), "\r\n")
			parts[len(parts)-1] += "\r\n"
		}
		codes := strings.Fields(want)
		for i, code := range codes {
			if i < len(parts) {
				_, _ = conn.Write([]byte(parts[i]))
			}
			if got := heardReply(t, c); !strings.HasPrefix(got, code) {
				t.Errorf("%q: reply %d is %q, want %s", said, i, got, code)
			}
		}
		brought += strings.Count(said, "LAST") - strings.Count(want, " 5 ")
		c.Close()
	}
	return brought
}

func heardReply(t *testing.T, c *textproto.Conn) string {
	t.Helper()
	code, text, err := c.ReadResponse(0)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(code, " ", text)
}

// arrived counts the messages in a Maildir that hold a text.
func arrived(t *testing.T, maildir, text string) int {
	t.Helper()
	all := names(t, filepath.Join(maildir, "new"))
	return len(slices.DeleteFunc(all, func(name string) bool {
		return !bytes.Contains([]byte(readFile(t, filepath.Join(maildir, "new", name))), []byte(text))
	}))
}

// TestDoorBehindPostscreen: postscreen looks at the first connection of a stranger and sends it away for
// now, and nobody is asked then. The next one reaches smtpd and the door.
func TestDoorBehindPostscreen(t *testing.T) {
	t.Parallel()
	s := newSite(t).standing("VODMR_NOOP=1")
	door := s.openDoor(t)
	screen := freePort(t)
	services := []string{"127.0.0.1:" + screen + " inet n - n - 1 postscreen", "smtpd pass - - n - - smtpd", "dnsblog unix - - n - 0 dnsblog"}
	front := askingFront(t, s, door, services, "mynetworks = 192.0.2.1", "postscreen_access_list =", "postscreen_cache_map = btree:$data_directory/screen",
		"postscreen_greet_wait = 1s", "postscreen_greet_action = enforce", "postscreen_pipelining_enable = yes", "postscreen_pipelining_action = enforce",
		"postscreen_non_smtp_command_enable = yes", "postscreen_bare_newline_enable = yes", "postscreen_bare_newline_action = enforce")
	front.openPort = screen
	p := s.listen(t)
	mailbox := filepath.Join(t.TempDir(), "Maildir")
	done := background(func() (int, string) { return s.atrn(t, p, program(t, "customer"), mailbox, "only", "bob@"+s.domain) })
	s.deliver(t, "ann@sender.test", "first\n", "bob@"+s.domain)
	eventually(t, time.Minute, "it is sent", func() bool { return len(p.lines(t, " stand ")) == 1 && len(s.waiting(t)) == 0 })
	for _, want := range []string{"450 4.3.2 ", "550 5.1.1 "} {
		if got := rcpt(t, front, "nobody@"+s.domain); !strings.HasPrefix(got, want) {
			t.Errorf("the front says %q, want %q", got, want)
		}
	}
	s.terminate(t)
	endedWell(t, done)
}
