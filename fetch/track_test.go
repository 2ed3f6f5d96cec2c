package fetch

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
)

// A seen session: lines "C: " are the provider's, "S: " the receiving side's.
func seen(t *testing.T, script string) *tracker {
	t.Helper()
	tr := newTracker(&Tally{})
	tr.replies([]byte("220 mx\r\n"))
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		side, text, ok := strings.Cut(line, ": ")
		switch {
		case line == "":
		case ok && side == "C":
			tr.commands([]byte(text + "\r\n"))
		case ok && side == "S":
			tr.replies([]byte(text + "\r\n"))
		default:
			t.Fatalf("what is %q?", line)
		}
	}
	return tr
}

// takenMail is a transaction with DATA, and its message is taken.
const takenMail = `
	C: MAIL FROM:<list@s.example>
	S: 250 ok
	C: RCPT TO:<u@example.org>
	S: 250 ok
	C: DATA
	S: 354 go
	C: x
	C: .
	S: 250 ok
`

// TestRefusalsAreCounted: what the receiving side took, and what it refused.
func TestRefusalsAreCounted(t *testing.T) {
	for _, test := range []struct {
		name, script   string
		taken, refused int64
		text           string
	}{
		{"MAIL, pipelined", `
			C: RSET
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			S: 250 ok
			S: 530-5.7.0 first line
			S: 530 5.7.0 second
			S: 503 5.5.1 MAIL first
			S: 503 5.5.1 MAIL first
			C: RSET
			C: MAIL FROM:<b@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			S: 250 ok
			S: 530 5.7.0 again
			S: 503 5.5.1 MAIL first
			S: 503 5.5.1 MAIL first
		`, 0, 2, "530 5.7.0 first line second"},
		{"the only RCPT, and a lone dot behind 354", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			S: 250 ok
			S: 550 5.1.1 nobody
			S: 354 go
			C: .
			S: 250 ok
		`, 0, 1, "550 5.1.1 nobody"},
		{"the only RCPT, and a lone dot refused", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			S: 250 ok
			S: 450 4.2.1 later
			S: 354 go
			C: .
			S: 554 5.5.1 no recipients
		`, 0, 1, "450 4.2.1 later"},
		{"one RCPT of two", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: RCPT TO:<v@example.org>
			C: BDAT 3 LAST
			C: x
			S: 250 ok
			S: 550 5.1.1 nobody
			S: 250 ok
			S: 250 ok
		`, 1, 1, "550 5.1.1 nobody"},
		{"both RCPTs are one message", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: RCPT TO:<v@example.org>
			C: BDAT 3 LAST
			C: x
			S: 250 ok
			S: 550 5.1.1 nobody
			S: 550 5.1.1 nobody either
			S: 554 5.5.1 no recipients
		`, 0, 1, "550 5.1.1 nobody"},
		{"DATA", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 554 5.7.1 not this
		`, 0, 1, "554 5.7.1 not this"},
		{"DATA is unknown, and BDAT takes its place", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 500 5.5.2 what?
			C: BDAT 3 LAST
			C: x
			S: 250 ok
		`, 1, 0, ""},
		{"BDAT in DATA's place is refused too", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 500 5.5.2 what?
			C: BDAT 3 LAST
			C: x
			S: 552 5.3.4 too big
		`, 0, 1, "500 5.5.2 what?"},
		{"the content", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 354 go
			C: x
			C: .
			S: 552 5.3.4 too big
		`, 0, 1, "552 5.3.4 too big"},
		{"each chunk", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			S: 250 ok
			S: 250 ok
			C: BDAT 3
			C: x
			S: 452 4.3.1 full
			C: BDAT 3
			C: y
			S: 503 5.5.1 RSET first
			C: BDAT 3 LAST
			C: z
			S: 503 5.5.1 RSET first
		`, 0, 1, "452 4.3.1 full"},
		{"enough recipients is no refusal", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: RCPT TO:<v@example.org>
			C: RCPT TO:<w@example.org>
			C: BDAT 3 LAST
			C: x
			S: 250 ok
			S: 250 ok
			S: 452 4.5.3 too many
			S: 552 5.5.3 too many
			S: 250 ok
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<v@example.org>
			C: RCPT TO:<w@example.org>
			C: BDAT 3 LAST
			C: x
			S: 250 ok
			S: 250 ok
			S: 250 ok
			S: 250 ok
		`, 2, 0, ""},
		{"a transaction after RSET, and without MAIL", takenMail + `
			C: RSET
			S: 250 ok
			C: DATA
			S: 354 go
			C: .
			S: 250 ok
			C: BDAT 0 LAST
			S: 250 ok
		`, 1, 0, ""},
		{"content twice", takenMail + `
			C: DATA
			S: 354 go
			C: .
			S: 250 ok
		`, 1, 0, ""},
		{"a provider that does not wait for 354", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			C: x
			C: .
			S: 250 ok
			S: 250 ok
			S: 354 go
			S: 250 ok
		` + takenMail, 2, 0, ""},
		{"text of the content is no command", `
			C: MAIL FROM:<a@s.example>
			C: RCPT TO:<u@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 354 go
			C: MAIL FROM:<b@s.example>
			C: BDAT 5
			C: QUIT
			C: .
			S: 250 ok
		`, 1, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := seen(t, test.script)
			c := tr.tally.Now()
			if c.Messages != test.taken || c.Refused != test.refused || c.Reason != test.text || tr.blind || tr.quit {
				t.Errorf("taken %d, refused %d, %q; want %d, %d, %q (blind %v, quit %v)",
					c.Messages, c.Refused, c.Reason, test.taken, test.refused, test.text, tr.blind, tr.quit)
			}
		})
	}
}

// refusedAs is a transaction in lock step with a refused RCPT.
func refusedAs(reply string) string {
	return `
		C: MAIL FROM:<list@s.example> SIZE=99
		S: 250 ok
		C: RCPT TO:<u@example.org>
		S: ` + reply + `
		C: RSET
		S: 250 ok
	`
}

// mailRefusedAs is one with a refused MAIL.
func mailRefusedAs(reply string) string {
	return `
		C: MAIL FROM:<list@s.example> SIZE=99
		S: ` + reply + `
		C: RSET
		S: 250 ok
	`
}

// TestRepeatsAreCountedOnce: a provider repeats after 500 to 504, and tries at the end
// what was refused before the first message was taken.
func TestRepeatsAreCountedOnce(t *testing.T) {
	other := strings.ReplaceAll(takenMail, "list@", "other@")
	for _, test := range []struct {
		name, script   string
		taken, refused int64
	}{
		{"RCPT, then taken", refusedAs("501 5.1.3 what") + takenMail, 1, 0},
		{"RCPT, then refused", refusedAs("501 5.1.3 what") + refusedAs("501 5.1.3 what"), 0, 1},
		{"MAIL, then taken", mailRefusedAs("504 no") + takenMail, 1, 0},
		{"a parameter of MAIL, then taken", mailRefusedAs("555 no") + takenMail, 1, 0},
		{"MAIL, then refused", mailRefusedAs("504 no") + mailRefusedAs("550 no"), 0, 1},
		{"two messages, each repeated", strings.Repeat(mailRefusedAs("504 no"), 4), 0, 2},
		{"two messages with one envelope", refusedAs("550 no") + refusedAs("550 no"), 0, 2},
		{"the second of them is taken", refusedAs("550 no") + takenMail, 1, 1},
		{"again at the end, taken", refusedAs("554 no") + other + takenMail, 2, 0},
		{"again at the end, refused", refusedAs("554 no") + other + refusedAs("554 no"), 1, 1},
		{"refused after a first message", other + refusedAs("554 no") + refusedAs("554 no"), 1, 2},
		{"content for two, then each alone", `
			C: MAIL FROM:<list@s.example>
			C: RCPT TO:<u@example.org>
			C: RCPT TO:<v@example.org>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 250 ok
			S: 354 go
			C: x
			C: .
			S: 554 not for one of them
		` + takenMail + strings.ReplaceAll(takenMail, "<u@", "<v@"), 2, 0},
		{"the third of several, and another message for it", other + `
			C: MAIL FROM:<list@s.example>
			C: RCPT TO:<v@example.org>
			C: RCPT TO:<w@example.org>
			C: RCPT TO:<u@example.org>
			C: BDAT 0 LAST
			S: 250 ok
			S: 250 ok
			S: 250 ok
			S: 550 nobody
			S: 250 ok
		` + takenMail, 3, 1},
		{"in flight when the first was refused", `
			C: MAIL FROM:<list@s.example>
			C: RCPT TO:<u@example.org>
			C: BDAT 0 LAST
			C: MAIL FROM:<list@s.example>
			C: RCPT TO:<u@example.org>
			C: BDAT 0 LAST
			S: 250 ok
			S: 501 no
			S: 554 no recipients
			S: 250 ok
			S: 501 no
			S: 554 no recipients
		`, 0, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := seen(t, test.script)
			if c := tr.tally.Now(); c.Refused != test.refused || c.Messages != test.taken {
				t.Errorf("taken %d, refused %d, want %d, %d", c.Messages, c.Refused, test.taken, test.refused)
			}
		})
	}
}

// probe is the transaction by which a provider sees whether the receiving side reads a
// BDAT that it refuses, with replies.
func probe(mail, rcpt, bdat string) string {
	return `
		C: MAIL FROM:<>
		C: RCPT TO:<>
		C: BDAT 9
		C: X-VODMR
		C: RSET
		S: ` + mail + `
		S: ` + rcpt + `
		S: ` + bdat + `
		S: 250 ok
	`
}

// question is the transaction by which a provider asks about a recipient.
const question = `
		C: MAIL FROM:<>
		C: RCPT TO:<nobody@example.org>
		C: RSET
		S: 250 ok
		S: 550 5.1.1 who?
		S: 250 ok
`

// TestQuestionIsNoRefusal: a refused question about a recipient is no refused mail.
func TestQuestionIsNoRefusal(t *testing.T) {
	const refusedBounce = `
		C: MAIL FROM:<> SIZE=10
		C: RCPT TO:<nobody@example.org>
		C: RSET
		S: 250 ok
		S: 550 5.1.1 who?
		S: 250 ok
`
	for name, test := range map[string]struct {
		script         string
		taken, refused int64
	}{
		"first":        {question, 0, 0},
		"behind mail":  {takenMail + question + question, 1, 0},
		"before mail":  {question + takenMail, 1, 0},
		"a bounce":     {refusedBounce + question, 0, 1},
		"with content": {strings.ReplaceAll(strings.ReplaceAll(question, "C: RSET", "C: DATA\n\t\tC: RSET"), "who?", "who?\n\t\tS: 503 no"), 0, 1},
	} {
		tr := seen(t, test.script)
		if c := tr.tally.Now(); c.Refused != test.refused || c.Messages != test.taken {
			t.Errorf("%s: taken %d, refused %d, %s", name, c.Messages, c.Refused, c.Reason)
		}
	}
}

// TestProbeIsNoRefusal: of the provider's probe only a refused MAIL means something, and
// that if nothing else came.
func TestProbeIsNoRefusal(t *testing.T) {
	for _, test := range []struct {
		name, script   string
		taken, refused int64
		exit           int
	}{
		{"Postfix", probe("250 ok", "501 5.1.3 bad", "554 5.5.1 no recipients") + takenMail, 1, 0, ExitFetched},
		{"alone", probe("250 ok", "501 5.1.3 bad", "554 5.5.1 no recipients"), 0, 0, ExitFetched},
		{"a server that takes anything", probe("250 ok", "250 ok", "250 ok") + takenMail, 1, 0, ExitFetched},
		{"no null sender here", probe("550 no", "503 no", "503 no") + takenMail, 1, 0, ExitFetched},
		{"no session here", probe("530 5.7.0 log in", "503 no", "503 no"), 0, 0, ExitRefused},
		{"none now", probe("451 4.3.0 later", "503 no", "503 no"), 0, 0, ExitLater},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := seen(t, test.script)
			if c := tr.tally.Now(); c.Refused != test.refused || c.Messages != test.taken {
				t.Errorf("taken %d, refused %d, %s", c.Messages, c.Refused, c.Reason)
			}
			if got := ExitCode(verdict(tr.tally.Now())); got != test.exit {
				t.Errorf("exit %d, want %d: %v", got, test.exit, verdict(tr.tally.Now()))
			}
		})
	}
}

// TestRefusedForNow: if all mail was refused with 4xx replies, that may pass by itself.
func TestRefusedForNow(t *testing.T) {
	refused := func(rcpt string) string {
		return "C: MAIL FROM:<a@s.example>\nC: RCPT TO:<b@example.org>\nC: RSET\nS: 250 ok\nS: " + rcpt + "\nS: 250 ok\n"
	}
	for script, exit := range map[string]int{
		refused("450 4.2.1 not today"):                         ExitLater,
		refused("450 4.2.1 not today") + refused("451 no"):     ExitLater,
		refused("450 4.2.1 not today") + refused("550 who"):    ExitRefused,
		refused("550 who") + refused("450 4.2.1 not today"):    ExitRefused,
		refused("450 4.2.1 not today") + takenMail:             ExitFetched,
		"C: MAIL FROM:<a@s.example>\nS: 451 4.7.1 unavailable": ExitLater,
	} {
		tr := seen(t, script)
		if err := verdict(tr.tally.Now()); ExitCode(err) != exit {
			t.Errorf("exit %d, want %d: %v\n%s", ExitCode(err), exit, err, script)
		}
	}
}

// TestRefusedSession: a receiving side that refuses the session itself.
func TestRefusedSession(t *testing.T) {
	for _, test := range []struct {
		name, script string
		exit         int
		text         string
	}{
		{"greeting", "S: 554 5.7.1 not you\nC: QUIT\nS: 221 bye", ExitRefused, "*takes no session: *554 5.7.1 not you"},
		{"greeting, for now", "S: 450 busy\nC: QUIT\nS: 221 bye", ExitLater, "*no session now: 450 busy"},
		{"EHLO only", "S: 220 mx\nC: EHLO p\nS: 502 what\nC: HELO p\nS: 250 mx\nC: QUIT\nS: 221 bye", ExitFetched, ""},
		{"HELO too", "S: 220 mx\nC: EHLO p\nS: 504 5.5.2 your name\nC: HELO p\nS: 550 no\nC: QUIT\nS: 221 bye", ExitRefused, "*504 5.5.2 your name"},
		{"421 in place of a reply", "S: 220 mx\nC: HELO p\nS: 250 mx\n" + takenMail + "C: MAIL FROM:<a@s.example>\nS: 421 4.3.2 down\nC: QUIT\nS: 221 bye",
			ExitLater, "the receiving side closed the session: 421 4.3.2 down"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, call := forward(t)
			v.turn()
			server := call()
			for line := range strings.Lines(test.script) {
				side, text, ok := strings.Cut(strings.TrimSpace(line), ": ")
				switch {
				case !ok:
				case side == "C":
					v.Send(text + "\r\n")
					server.Expect(dialogueLiteral(text))
				default:
					server.Send(text + "\r\n")
					v.Expect(dialogueLiteral(text))
				}
			}
			leave(v, server)
			v.end(test.exit, test.text)
		})
	}
}

// dialogueLiteral keeps the pattern's own characters out of it.
func dialogueLiteral(text string) string { return strings.ReplaceAll(text, "*", "?") }

// TestQuitIsNoEndWhileSomethingIsUnanswered: a provider may send QUIT with the last
// content; a server that goes without a word to that has taken nothing.
func TestQuitIsNoEndWhileSomethingIsUnanswered(t *testing.T) {
	v, server := forwarded(t)
	v.Send("MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 3 LAST\r\nx\r\nQUIT\r\n")
	for range 2 {
		server.Expect("*")
		server.Send("250 ok\r\n")
		v.Expect("250 ok")
	}
	server.Expect("BDAT*")
	server.Expect("x")
	server.Expect("QUIT")
	server.Close()
	v.ExpectEnd()
	v.CloseWrite()
	v.end(ExitLater, "the receiving side hung up before the provider was done")
	v.counted(0, 0)
}

// TestRepliesToNothing: who answers what was not asked may be believed to have taken
// what it did not.
func TestRepliesToNothing(t *testing.T) {
	for name, script := range map[string]string{
		"250 behind 354": `
			C: MAIL FROM:<a@s.example>
			S: 250 ok
			C: RCPT TO:<u@example.org>
			S: 250 ok
			C: DATA
			S: 354 go
			S: 250 ok
			C: x
			C: .
			C: RSET
			S: 250 ok
		`,
		"250 to a chunk that is not there": `
			C: MAIL FROM:<a@s.example>
			S: 250 ok
			C: RCPT TO:<u@example.org>
			S: 250 ok
			C: BDAT 100 LAST
			S: 250 ok
			C: x
		`,
		"each twice": `
			C: MAIL FROM:<a@s.example>
			S: 250 ok
			S: 250 ok
		`,
	} {
		tr := seen(t, script)
		if tr.outOfStep() != "250" || tr.tally.Now().Messages != 0 || !tr.tally.Now().Lost {
			t.Errorf("%s: out of step %q, taken %d", name, tr.outOfStep(), tr.tally.Now().Messages)
		}
	}
	for name, script := range map[string]string{
		"421":        "S: 421 4.4.2 too slow",
		"behind 421": "C: MAIL FROM:<a@s.example>\nS: 421 4.7.0 too many errors\nS: 554 5.5.1 no valid recipients",
		"after QUIT": "C: QUIT\nS: 221 bye\nS: 221 bye",
		"a refused chunk that is not there": `
			C: BDAT 100 LAST
			S: 503 5.5.1 MAIL first
		`,
	} {
		if tr := seen(t, script); tr.outOfStep() != "" || tr.tally.Now().Lost {
			t.Errorf("%s: out of step %q", name, tr.outOfStep())
		}
	}
	v, server := forwarded(t)
	pass(v, server, exchange{"NOOP", "250 ok"})
	server.Send("250 ok\r\n")
	v.Expect("250 ok")
	v.Send("RSET\r\n") // is not passed on
	server.Run("S: <end>\nC: <end>")
	v.Run("S: <end>")
	v.CloseWrite()
	v.end(ExitLater, "*reply that nothing had asked for*: 250")
}

// TestReportOfRefusals: each sink counts, and the words of strangers steer no terminal.
func TestReportOfRefusals(t *testing.T) {
	const mail = "HELO p\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<a@other.example>\r\nBDAT 2 LAST\r\nx\nQUIT\r\n"
	prog := shell(`printf '220 x\r\n'; read a; printf '250 x\r\n'; read a; printf '250 x\r\n'; read a; ` +
		`printf '550 5.7.1 not \342\200\256here\r\n'; read a; printf '221 x\r\n'`)
	into := Maildir{Dir: t.TempDir() + "/Maildir", Host: "mx", Idle: IdleTime, Domains: []string{"example.org"}}
	for want, sink := range map[string]Sink{
		"fetched 0, refused 1: 550 5.7.1 that domain is not one of ours": into,
		`fetched 0, refused 1: 550 5.7.1 not \u202ehere`:                 prog,
	} {
		v := start(t, Session{Sink: sink})
		v.turn()
		v.Expect("220 *")
		v.Send(mail)
		for _, reply := range []string{"250*", "250*", "550*", "554*", "221*"} {
			v.Expect(reply)
		}
		v.CloseWrite()
		err := <-v.result
		var b bytes.Buffer
		report(&b, given{}, v.tally.Now(), err, Normal)
		want = "atrn: mail.example.net: " + want + "\natrn: the receiving side refused all mail: *\n"
		if !dialogue.Match(want, b.String()) || ExitCode(err) != ExitRefused {
			t.Errorf("exit %d, said %q", ExitCode(err), b.String())
		}
	}
}

// TestDelayAfterRefusals: who refused all is not asked again at once, however long the
// session was.
func TestDelayAfterRefusals(t *testing.T) {
	refusedAll := Visit{Turned: true, Lasted: MinStanding, Err: &Failure{Exit: ExitRefused}}
	const m = time.Minute
	checkWaits(t, "standing", []time.Duration{m, 2 * m, 4 * m, 8 * m, 15 * m, 15 * m, 0},
		delays(&AlwaysStanding{}, 0, refusedAll, refusedAll, refusedAll, refusedAll, refusedAll, refusedAll, longVisit))
	checkWaits(t, "every minute", []time.Duration{2 * m, 4 * m, m},
		delays(NewEvery(m), 0.5, refusedAll, refusedAll, fine))
}

// FuzzAccounting: whatever passes, a message counts as taken only if a 2xx to a recipient
// came before, memory is bounded, and the count never falls below none.
func FuzzAccounting(f *testing.F) {
	f.Add([]byte("MRDcq"), []byte("22232"))
	f.Add([]byte("EMRRBbSMRbQ"), []byte("2225422555"))
	f.Add([]byte("PMRb"), []byte("2152252"))
	f.Fuzz(func(t *testing.T, commands, replies []byte) {
		said := map[byte]string{
			'E': "EHLO p\r\n", 'M': "MAIL FROM:<a@b>\r\n", 'N': "MAIL FROM:<>\r\n", 'R': "RCPT TO:<c@d>\r\n", 'P': "RCPT TO:<>\r\n",
			'D': "DATA\r\n", '.': "\r\n.\r\n", 'B': "BDAT 2\r\nxy", 'b': "BDAT 1 LAST\r\nx", 'S': "RSET\r\n", 'Q': "QUIT\r\n", 'T': "STARTTLS\r\n",
		}
		tr := newTracker(&Tally{})
		tr.replies([]byte("220 mx\r\n"))
		var contents, good int64
		for i, c := range commands {
			tr.commands([]byte(said[c]))
			if c == 'b' || c == '.' {
				contents++
			}
			if i < len(replies) {
				if replies[i] == '2' {
					good++
				}
				tr.replies(fmt.Appendf(nil, "%c50 x\r\n", replies[i]))
			}
		}
		c := tr.tally.Now()
		if c.Messages > contents || 3*c.Messages > good || c.Refused < 0 || c.Refused > int64(len(commands)) {
			t.Errorf("%q, %q: taken %d, refused %d", commands, replies, c.Messages, c.Refused)
		}
		if len(tr.accounting.refused) > maxRefusals || len(tr.line.text) > trackedLine || len(tr.listener.line.text) > heardLine {
			t.Error("unbounded")
		}
	})
}
