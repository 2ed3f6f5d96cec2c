package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A message is a file in the provider's Maildir and what shall become of it.
type message struct {
	sender    string // as Return-Path has it, without <>
	recipient string
	content   string // below Return-Path and Delivered-To
	file      string // its name in new/
}

// idHeader tells the messages of a site apart.
const idHeader = "X-Vodmr-Test: "

// sent is the content as the customer must get it, lines ending in LF: a CR
// that ends no line is a space, and the last line has its end.
func (m *message) sent() string {
	s := strings.ReplaceAll(m.content, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", " ")
	if !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}

// headerOf gives a header as qmail would have it, complete enough for no server
// to add to it.
func (s *site) headerOf(subject string) string {
	n := len(s.delivered)
	return "Received: (qmail 28146 invoked by network); 22 Nov 2026 09:18:09 -0000\n" +
		"Date: 22 Nov 2026 09:18:09 -0000\n" +
		fmt.Sprintf("Message-ID: <%d.28145.qmail@%s>\n", n, s.host) +
		"From: Ann <ann@sender.test>\n" +
		"To: list@sender.test\n" +
		"Subject: " + subject + "\n" +
		fmt.Sprintf("%s%d\n", idHeader, n)
}

// deliver puts a message with that body into the Maildir, as vdelivermail does:
// one file for each recipient, equal below the two top lines.
func (s *site) deliver(t testing.TB, sender, body string, recipients ...string) {
	t.Helper()
	s.deliverContent(t, sender, s.headerOf("a test")+"\n"+body, recipients...)
}

func (s *site) deliverContent(t testing.TB, sender, content string, recipients ...string) {
	t.Helper()
	for _, recipient := range recipients {
		m := &message{sender: sender, recipient: recipient, content: content}
		text := "Return-Path: <" + sender + ">\nDelivered-To: " + recipient + "\n" + content
		n := len(s.delivered)
		m.file = fmt.Sprintf("%d.%d.vm,S=%d", time.Now().Unix()-1000+int64(n)/4, 20000+n, len(text))
		temp := filepath.Join(s.maildir(), "tmp", m.file)
		s.owner.write(t, temp, text, 0o600)
		if err := os.Rename(temp, filepath.Join(s.maildir(), "new", m.file)); err != nil {
			t.Fatal(err)
		}
		s.delivered = append(s.delivered, m)
	}
}

// deliverVariety delivers what mail can be: sizes on both sides of the limits,
// odd senders and recipients, and bytes that SMTP has rules for.
func (s *site) deliverVariety(t testing.TB) {
	t.Helper()
	const ann = "ann@sender.test"
	at := func(local string) string { return local + "@" + s.domain }
	s.deliver(t, ann, "plain\n", at("bob"))
	s.deliver(t, ann, "to three\n", at("bob"), at("carol"), at("dave"))
	s.deliver(t, "", "a bounce\n", at("bob"))
	s.deliver(t, `"odd sender"@s.test`, "quoted\n", at("gus+tag"))
	s.deliver(t, "list-bob=example.org@s.test", "verp\n", at("bob.x-ext"))
	s.deliver(t, ann, ".\n..\n.dot\nx\n.\n", at("dots"))
	s.deliver(t, ann, "", at("empty"))
	s.deliver(t, ann, "no last newline", at("end"))
	s.deliver(t, ann, "no last newline but a dot\n.", at("end"))
	s.deliver(t, ann, "8-bit \xe9\xff\x80 and UTF-8 é\n", at("eight"))
	s.deliverContent(t, ann, crlf(s.headerOf("CRLF")+"\nlines\nend in CRLF\n"), at("crlf"))
	s.deliver(t, ann, "bare\rCR, two\r\r\n and at the end\r", at("cr"))
	s.deliver(t, ann, "smuggled\n.\r\nMAIL FROM:<x@s.test>\n\r.\r\n", at("cr"))
	s.deliver(t, ann, strings.Repeat("a line of some fifty bytes, again and again\n", 1500), at("big"))
	s.deliver(t, ann, strings.Repeat(".a line of some fifty bytes, again and again\n", 60000), at("huge"))
	s.deliver(t, ann, strings.Repeat("x", 900)+"\n", at("long"))
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
