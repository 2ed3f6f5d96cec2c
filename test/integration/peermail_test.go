package integration

import (
	"fmt"
	"strings"
	"testing"
)

// An outcome is what may become of a message, one bit for each possibility.
type outcome uint8

const (
	arrives outcome = 1 << iota
	bounces
	remains
)

func (o outcome) String() string {
	var words []string
	for bit, word := range map[outcome]string{arrives: "arrives", bounces: "bounces", remains: "waits"} {
		if o&bit != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, " or ")
}

// An oddMail is one file in the provider's Maildir and what may become of it.
type oddMail struct {
	*message
	name   string
	may    outcome
	doubts int // in how many sessions that broke it was under way, so that it may have arrived
}

// deliverOdd delivers some fifty files of forty messages, each of another kind. Their
// recipients differ, so that each copy of a message can be told from all others. Each
// file's name in the tests is its recipient's local part, if that is not odd itself.
func (s *site) deliverOdd(t testing.TB) []oddMail {
	t.Helper()
	o := &oddMailer{site: s}
	o.ordinary(t)
	o.commands(t)
	o.envelopes(t)
	o.headers(t)
	o.lines(t)
	o.bytes(t)
	o.sizes(t)
	o.unwanted(t)
	return o.list
}

type oddMailer struct {
	*site
	list []oddMail
}

const ann = "ann@sender.test"

// add delivers content to recipients without a domain.
func (o *oddMailer) add(t testing.TB, may outcome, sender, content string, locals ...string) {
	t.Helper()
	for _, local := range locals {
		o.deliverContent(t, sender, content, local+"@"+o.domain)
		o.list = append(o.list, oddMail{message: o.delivered[len(o.delivered)-1], name: local, may: may})
	}
}

// body delivers a message with a usual header.
func (o *oddMailer) body(t testing.TB, name, body string) {
	t.Helper()
	o.add(t, arrives, ann, o.headerOf(name)+"\n"+body, name)
}

// refused and deferred deliver between other mail what the peers refuse and defer.
func (o *oddMailer) refused(t testing.TB, sender, local string) {
	t.Helper()
	o.add(t, bounces, sender, o.headerOf(local)+"\nto nobody\n", "refused-"+local)
}

func (o *oddMailer) deferred(t testing.TB, sender, local string) {
	t.Helper()
	o.add(t, remains, sender, o.headerOf(local)+"\nnot today\n", "deferred-"+local)
}

func (o *oddMailer) ordinary(t testing.TB) {
	t.Helper()
	o.body(t, "plain", "plain\n")
	o.add(t, arrives, ann, o.headerOf("three")+"\nto three\n", "three-a", "three-b", "three-c")
	for n := range 6 { // until much is in flight
		o.body(t, fmt.Sprintf("opens-%d", n), "opens the window\n")
	}
}

// commands delivers content to refused recipients that would be commands to a server that
// does not read it: they would answer for the messages behind it, or send one of their own.
func (o *oddMailer) commands(t testing.TB) {
	t.Helper()
	answers := received + strings.Repeat("NOOP\n", 6) + "QUIT\n"
	sends := received + "MAIL FROM:<boss@bank.test>\nRCPT TO:<forged@example.org>\n" +
		"BDAT 22 LAST\nSubject: forged\n\nhello\nRSET\n"
	for _, content := range []struct{ name, text string }{{"answers", answers}, {"sends", sends}} {
		o.add(t, bounces, ann, content.text, "refused-"+content.name)
		for n := range 3 {
			o.body(t, fmt.Sprintf("behind-%s-%d", content.name, n), "nobody must lose me\n")
		}
	}
	o.refused(t, ann, "first")
	o.body(t, "after-refused", "behind one that was refused\n")
	o.deferred(t, ann, "first")
	o.body(t, "after-deferred", "behind one that was deferred\n")
}

func (o *oddMailer) envelopes(t testing.TB) {
	t.Helper()
	for _, m := range []struct{ local, sender string }{
		{"from-nobody", ""},
		{"from-quoted", `"odd sender"@s.test`},
		{"from-verp", "list-bob=example.org@s.test"},
		{"from-long", strings.Repeat("l", 64) + "@s.test"},
		{"from-marks", "a!#$&'*+-/=?^_`{|}~b@s.test"},
	} {
		o.add(t, arrives, m.sender, o.headerOf(m.local)+"\nan odd sender\n", m.local)
	}
	for _, local := range []string{"gus+tag", "Mixed.Case", "o'brien", "x=y-ext", strings.Repeat("r", 64), `"odd rcpt"`} {
		o.add(t, arrives, ann, o.headerOf(local)+"\nan odd recipient\n", local)
	}
	// A server without SMTPUTF8 cannot have it.
	o.add(t, arrives|bounces, ann, o.headerOf("utf-8")+"\nan address in UTF-8\n", "jürgen")
}

const received = "Received: (qmail 28146 invoked by network); 22 Nov 2026 09:18:09 -0000\n"

func (o *oddMailer) headers(t testing.TB) {
	t.Helper()
	add := func(name, content string) { o.add(t, arrives, ann, content, name) }
	add("no-content", "")
	add("header-only", o.headerOf("header only"))
	add("no-header", received+"hello, this is no header\nnor is this\n")
	add("blank-first", received+"\na body below no header\n")
	add("header-8-bit", o.headerOf("8-bit: \xe9\xff and é")+"\nx\n")
	add("header-folded", o.headerOf("folded"+strings.Repeat("\n "+strings.Repeat("f", 900), 20))+"\nx\n")
	add("header-from-line", received+"From ann@sender.test Sun Nov 22 09:18:09 2026\nSubject: a From line\n\nx\n")
	// Servers count these, against loops.
	o.add(t, arrives|bounces, ann, strings.Repeat(received, 120)+o.headerOf("hops")+"\nx\n", "hops")
}

func (o *oddMailer) lines(t testing.TB) {
	t.Helper()
	o.body(t, "dots", ".\n..\n.dot\nx\n.\n")
	o.body(t, "empty-body", "")
	o.body(t, "no-newline", "no last newline")
	o.body(t, "no-newline-dot", "no last newline but a dot\n.")
	o.body(t, "from-lines", "From ann\n\nFrom here on\n>From there\n")
	o.body(t, "blanks", "trailing blanks   \n\ttabs\t\t\n   \n\n\n")
	o.refused(t, ann, "second")
	for _, length := range []int{998, 999, 2001, 20000} {
		o.body(t, fmt.Sprintf("line-%d", length), strings.Repeat("x", length)+"\nbehind it\n")
	}
}

func (o *oddMailer) bytes(t testing.TB) {
	t.Helper()
	o.body(t, "eight-bit", "8-bit \xe9\xff\x80 and UTF-8 é\n")
	o.body(t, "nul", "a NUL\x00 and \x00\x00 more\n\x00\n")
	o.body(t, "controls", "\x01\x02\x03\x07\x08\x0b\x0c\x0e\x1a\x1b\x7f\n")
	o.add(t, arrives, ann, crlf(o.headerOf("CRLF")+"\nlines\nend in CRLF\n"), "crlf")
	o.body(t, "bare-cr", "bare\rCR, two\r\r\n and at the end\r")
	o.body(t, "smuggled", "x\n.\r\nMAIL FROM:<x@s.test>\n\r.\r\nQUIT\r\n")
	o.body(t, "commands", "RSET\nMAIL FROM:<x@s.test>\nRCPT TO:<plain@example.org>\nBDAT 3 LAST\nx\nDATA\n")
}

func (o *oddMailer) sizes(t testing.TB) {
	t.Helper()
	o.body(t, "big", strings.Repeat("a line of some fifty bytes, again and again\n", 1500))
	o.deferred(t, ann, "second")
	o.body(t, "huge", strings.Repeat(".a line of some fifty bytes, again and again\n", 35000))
	o.body(t, "after-huge", "behind a huge one\n")
}

func (o *oddMailer) unwanted(t testing.TB) {
	t.Helper()
	o.refused(t, "", "bounce")
	o.body(t, "before-mixed", "between\n")
	content := o.headerOf("mixed") + "\nto one of each kind\n"
	o.add(t, arrives, ann, content, "mixed-wanted")
	o.add(t, bounces, ann, content, "refused-mixed")
	o.add(t, remains, ann, content, "deferred-mixed")
	o.refused(t, ann, strings.Repeat("n", 50))
	o.body(t, "last", "the last\n")
}
