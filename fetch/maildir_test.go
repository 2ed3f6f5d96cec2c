package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// receive starts a session that has turned into a new Maildir.
func receive(t *testing.T, m Maildir) (v *visit, dir string) {
	t.Helper()
	if dir = m.Dir; dir == "" {
		dir = filepath.Join(t.TempDir(), "Maildir")
	}
	m.Dir, m.Host, m.Idle = dir, "mx.customer.example", IdleTime
	v = start(t, Session{Sink: m})
	v.turn()
	v.Expect("220 mx.customer.example ESMTP")
	return v, dir
}

func wantDelivered(t *testing.T, dir string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, delivered(t, dir)); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
}

func TestReceiveLockStep(t *testing.T) {
	v, dir := receive(t, Maildir{})
	v.play(`
		P: EHLO mail.example.net
		A: 250-mx.customer.example
		A: 250-PIPELINING
		A: 250-SIZE
		A: 250-8BITMIME
		A: 250-SMTPUTF8
		A: 250-CHUNKING
		A: 250 ENHANCEDSTATUSCODES
		P: MAIL FROM:<"\"odd sender\""@s.example> SIZE=10 BODY=8BITMIME
		A: 250 2.1.0 *
		P: RCPT TO:<"Ann Other"@Example.ORG>
		A: 250 2.1.5 *
		P: RCPT TO:<@relay.example:bob+tag@example.org>
		A: 250 2.1.5 *
		P: DATA
		A: 354 *
		P: Subject: x
		P: ..dot
		P: .
		A: 250 2.0.0 *
		P: QUIT
		A: 221 *
		A: <end>
	`)
	v.end(ExitFetched, "")
	v.counted(1, int64(len("Subject: x\r\n..dot\r\n.\r\n")))
	const sender = `Return-Path: <"\"odd sender\""@s.example>` + "\n"
	wantDelivered(t, dir,
		sender+"Delivered-To: Ann Other@example.org\nSubject: x\n.dot\n",
		sender+"Delivered-To: bob+tag@example.org\nSubject: x\n.dot\n")
}

func TestReceivedLine(t *testing.T) {
	v, dir := receive(t, Maildir{})
	v.Send("EHLO mail.example.net\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nBDAT 2 LAST\r\n\r\nQUIT\r\n")
	for range 10 {
		v.Expect("2*")
	}
	v.Expect("221 *")
	v.end(ExitFetched, "")
	got := files(t, filepath.Join(dir, "new"))
	if len(got) != 1 || !strings.HasPrefix(got[0], "Return-Path: <>\nDelivered-To: postmaster\n"+
		"Received: from mail.example.net (127.0.0.1)\n\tby mx.customer.example via ATRN with ESMTP; ") {
		t.Errorf("got %q", got)
	}
}

// A whole session in one segment: RFC 2920, RFC 3030.
func TestReceivePipelined(t *testing.T) {
	v, dir := receive(t, Maildir{Domains: []string{"example.org"}})
	v.Send("EHLO mail.example.net\r\n" +
		"RSET\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<one@example.org>\r\nBDAT 5\r\nA\r\n.\rBDAT 4 LAST\r\n\n\x00\xffz" +
		"RSET\r\nMAIL FROM:<b@s.example>\r\nRCPT TO:<two@example.net>\r\nBDAT 6 LAST\r\nQUIT\r\n" +
		"RSET\r\nMAIL FROM:<c@s.example>\r\nRCPT TO:<two@example.net>\r\nRCPT TO:<three@EXAMPLE.org>\r\nBDAT 3\r\nab\rBDAT 0 LAST\r\n" +
		"QUIT\r\n")
	for range 6 {
		v.Expect("250-*")
	}
	v.play(`
		A: 250 ENHANCEDSTATUSCODES
		A: 250 2.0.0 *
		A: 250 2.1.0 *
		A: 250 2.1.5 *
		A: 250 2.0.0 5 octets received
		A: 250 2.0.0 *
		A: 250 2.0.0 *
		A: 250 2.1.0 *
		A: 550 5.7.1 *
		A: 554 5.5.1 *
		A: 250 2.0.0 *
		A: 250 2.1.0 *
		A: 550 5.7.1 *
		A: 250 2.1.5 *
		A: 250 2.0.0 3 octets received
		A: 250 2.0.0 *
		A: 221 *
		A: <end>
	`)
	v.end(ExitFetched, "")
	v.counted(2, 12)
	wantDelivered(t, dir,
		"Return-Path: <a@s.example>\nDelivered-To: one@example.org\nA\n.\n\x00\xffz",
		"Return-Path: <c@s.example>\nDelivered-To: three@example.org\nab\r")
}

// Bytes behind the final dot in the same segment are the next command, and what
// came with the reply to ATRN the first.
func TestReceiveNothingLost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Maildir")
	v := start(t, Session{Sink: Maildir{Dir: dir, Host: "mx.customer.example"}})
	v.logIn()
	v.Expect("ATRN")
	v.Send("250 2.0.0 turning\r\nHELO mail.example.net\r\nNOOP\r\n")
	v.play(`
		A: 220 *
		A: 250 mx.customer.example
		A: 250 2.0.0 *
	`)
	v.Send("MAIL FROM:<a@s.example>\r\nRCPT TO:<one@example.org>\r\nDATA\r\n")
	v.play(`
		A: 250 *
		A: 250 *
		A: 354 *
	`)
	v.Send("x\r\n.\r\nMAIL FROM:<b@s.example>\r\nRCPT TO:<two@example.org>\r\nDATA\r\n")
	v.play(`
		A: 250 2.0.0 *
		A: 250 2.1.0 *
		A: 250 2.1.5 *
		A: 354 *
	`)
	v.Send(".\r\nQUIT\r\n")
	v.play(`
		A: 250 2.0.0 *
		A: 221 *
	`)
	v.end(ExitFetched, "")
	wantDelivered(t, dir,
		"Return-Path: <a@s.example>\nDelivered-To: one@example.org\nx\n",
		"Return-Path: <b@s.example>\nDelivered-To: two@example.org\n")
}

func TestReceiveContent(t *testing.T) {
	for _, test := range []struct{ name, sent, want string }{
		{"empty", ".\r\n", ""},
		{"bare LF does not end it", "a\n.\nb\r\n.\r\n", "a\n.\nb\n"},
		{"nor with one CRLF", "a\n.\r\nb\r\n.\n\r\n.\r\n", "a\n.\nb\n\n\n"},
		{"nor bare CR", "a\r.\r\r\n.\r\n", "a\r.\r\n"},
		{"dots", "..\r\n...\r\na.\r\n.b\r\n.\r\n", ".\n..\na.\nb\n"},
		{"dot and CR", ".\rx\r\n.\r\r\n.\r\n", "\rx\n\r\n"},
		{"NUL and 8 bit", "\x00\xff\x80\r\n.\r\n", "\x00\xff\x80\n"},
		{"long line", strings.Repeat("x", 200000) + "\r\n.\r\n", strings.Repeat("x", 200000) + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, dir := receive(t, Maildir{})
			v.Send("HELO p\r\nMAIL FROM:<a@s.example>\r\nRCPT TO:<one@example.org>\r\nDATA\r\n")
			v.play("\n\t\tA: 250 *\n\t\tA: 250 *\n\t\tA: 250 *\n\t\tA: 354 *\n")
			v.Send(test.sent)
			v.Expect("250 *")
			v.Send("QUIT\r\n")
			v.Expect("221 *")
			v.end(ExitFetched, "")
			wantDelivered(t, dir, "Return-Path: <a@s.example>\nDelivered-To: one@example.org\n"+test.want)
		})
	}
}

func TestReceiveRefusals(t *testing.T) {
	v, dir := receive(t, Maildir{Domains: []string{"example.org"}, Limit: 1000})
	v.play(`
		P: EHLO
		A: 501 5.5.4 *
		P: HELO p
		A: 250 *
		P: RCPT TO:<one@example.org>
		A: 503 5.5.1 *
		P: DATA
		A: 503 5.5.1 *
		P: MAIL a@s.example
		A: 501 5.5.4 *
		P: MAIL FROM:a@s.example
		A: 501 5.1.3 *
		P: MAIL FROM:<a@s.example> SIZE=1001
		A: 552 5.3.4 *
		P: MAIL FROM:<a@s.example> SIZE=x
		A: 501 5.5.4 *
		P: MAIL FROM:<a@s.example> BODY=BINARYMIME
		A: 555 5.5.4 *
		P: MAIL FROM:<jörg@s.example>
		A: 553 5.6.7 *
		P: MAIL FROM:<a@s.example>
		A: 250 *
		P: MAIL FROM:<b@s.example>
		A: 503 5.5.1 *
		P: DATA
		A: 554 5.5.1 *
		P: RCPT TO:<one@example.org> NOTIFY=NEVER
		A: 555 5.5.4 *
		P: RCPT TO:<one>
		A: 550 5.7.1 *
		P: RCPT TO:<>
		A: 550 5.7.1 *
		P: RCPT TO:<one@evil.example>
		A: 550 5.7.1 *
		P: RCPT TO:<one@example.org@evil.example>
		A: 501 5.1.3 *
		P: RCPT TO:<jörg@example.org>
		A: 553 5.6.7 *
		P: RCPT TO:<PostMaster>
		A: 250 *
		P: DATA now
		A: 501 5.5.4 *
		P: VRFY one
		A: 252 *
		P: HELP
		A: 214 *
		P: TURN
		A: 500 *
		P: QUIT
		A: 221 *
	`)
	v.end(ExitRefused, "*refused all mail*")
	wantDelivered(t, dir)
}

func TestReceiveUTF8(t *testing.T) {
	v, dir := receive(t, Maildir{})
	v.Send("EHLO p\r\nMAIL FROM:<jörg@s.example> SMTPUTF8\r\nRCPT TO:<ännchen@bücher.example>\r\nBDAT 3 LAST\r\nx\r\nQUIT\r\n")
	for range 11 {
		v.Expect("2*")
	}
	v.end(ExitFetched, "")
	wantDelivered(t, dir, "Return-Path: <jörg@s.example>\nDelivered-To: ännchen@bücher.example\nx\n")
}

func TestReceiveManyRecipients(t *testing.T) {
	v, _ := receive(t, Maildir{})
	v.Send("HELO p\r\nMAIL FROM:<>\r\n" + strings.Repeat("RCPT TO:<a@example.org>\r\n", maxRecipients+1))
	for range maxRecipients + 2 {
		v.Expect("250 *")
	}
	v.Expect("452 4.5.3 *")
	v.Send("RSET\r\nQUIT\r\n")
	v.end(ExitFetched, "")
}

// A chunk after a refused one is read and refused, up to RSET.
func TestReceiveRefusedChunks(t *testing.T) {
	v, dir := receive(t, Maildir{Limit: 10})
	v.Send("HELO p\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\n" +
		"BDAT 11\r\nRSET\r\nQUIT\nBDAT 6\r\nQUIT\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nRSET\r\n" +
		"BDAT 6 LAST\r\nQUIT\r\n" +
		"MAIL FROM:<>\r\nRCPT TO:<c@example.org>\r\nBDAT 2 LAST\r\nokQUIT\r\n")
	v.play(`
		A: 250 *
		A: 250 *
		A: 250 *
		A: 552 5.3.4 *
		A: 503 5.5.1 *
		A: 503 5.5.1 *
		A: 503 5.5.1 *
		A: 503 5.5.1 *
		A: 250 *
		A: 503 5.5.1 *
		A: 250 *
		A: 250 *
		A: 250 *
		A: 221 *
	`)
	v.end(ExitFetched, "")
	wantDelivered(t, dir, "Return-Path: <>\nDelivered-To: c@example.org\nok")
}

// After a BDAT without a size nobody knows which byte begins the next command.
func TestReceiveUnreadableChunk(t *testing.T) {
	for _, command := range []string{"BDAT", "BDAT x", "BDAT -1", "BDAT 5 MORE", "BDAT 99999999999999999999"} {
		v, _ := receive(t, Maildir{})
		v.Send(command + "\r\n")
		v.Expect("501 5.5.4 *")
		v.ExpectEnd()
		v.end(ExitLater, "*501 5.5.4*")
	}
}

func TestReceiveTooBig(t *testing.T) {
	v, dir := receive(t, Maildir{Limit: 100})
	v.Send("HELO p\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n")
	v.play("\n\t\tA: 250 *\n\t\tA: 250 *\n\t\tA: 250 *\n\t\tA: 354 *\n")
	v.Send(strings.Repeat("0123456789\r\n", 20000) + ".\r\n")
	v.Expect("552 5.3.4 *")
	v.Send("QUIT\r\n")
	v.Expect("221 *")
	v.end(ExitRefused, "*")
	v.counted(0, 0)
	v.refused(1, "552 5.3.4 *")
	wantDelivered(t, dir)
}

func TestReceiveBrokenOff(t *testing.T) {
	for _, sent := range []string{"DATA\r\nSubject: half", "BDAT 100 LAST\r\nSubject: half", ""} {
		v, dir := receive(t, Maildir{})
		v.Send("HELO p\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\n" + sent)
		v.CloseWrite()
		v.end(ExitLater, "*hung up before it was done")
		wantDelivered(t, dir)
	}
}

func TestReceiveStopped(t *testing.T) {
	v, dir := receive(t, Maildir{})
	v.Send("HELO p\r\nMAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nBDAT 1 LAST\r\nx")
	v.play("\n\t\tA: 250 *\n\t\tA: 250 *\n\t\tA: 250 *\n\t\tA: 250 *\n")
	v.Send("MAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nBDAT 9 LAST\r\nhalf")
	v.play("\n\t\tA: 250 *\n\t\tA: 250 *\n")
	v.stop()
	v.Expect("421 4.3.2 *")
	v.ExpectEnd()
	v.end(ExitLater, "*cut short*")
	wantDelivered(t, dir, "Return-Path: <>\nDelivered-To: a@example.org\nx")
}

func TestReceiveIntoNoMaildir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Maildir{Dir: file, Host: "h"}.Open(t.Context())
	if ExitCode(err) != ExitLater || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

// If the Maildir or a folder of it is moved away or removed, nothing more is delivered there:
// the session ends, and the next one opens what has its name.
func TestReceiveMovedAway(t *testing.T) {
	for _, name := range []string{"", "/new", "/cur", "/tmp"} {
		for how, lose := range map[string]func(path string) error{
			"moved":   func(path string) error { return os.Rename(path, path+".old") },
			"removed": os.RemoveAll,
		} {
			t.Run(how+name, func(t *testing.T) {
				var warned error
				v, dir := receive(t, Maildir{Warn: func(err error) { warned = err }})
				if err := lose(dir + name); err != nil {
					t.Fatal(err)
				}
				v.expectElsewhere()
				if warned == nil || !strings.Contains(warned.Error(), "moved away or made anew: ") {
					t.Errorf("it warns: %v", warned)
				}
			})
		}
	}
}

// expectElsewhere sees a session end at MAIL, as its Maildir is elsewhere.
func (v *visit) expectElsewhere() {
	v.t.Helper()
	v.Send("HELO p\r\nMAIL FROM:<>\r\n")
	v.Expect("250 *")
	v.Expect("421 4.3.0 *")
	v.ExpectEnd()
	v.end(ExitLater, "*elsewhere*")
}

// The same if the Maildir's name is a link, which then leads elsewhere.
func TestReceiveByALinkThatChanges(t *testing.T) {
	link, other := t.TempDir()+"/Maildir", t.TempDir()
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	v, _ := receive(t, Maildir{Dir: link})
	if err := errors.Join(os.Remove(link), os.Symlink(other, link)); err != nil {
		t.Fatal(err)
	}
	v.expectElsewhere()
}

// A failingBox fails at the stage that it names, once.
type failingBox struct {
	stage string
	err   error
	taken []string
	open  int // deliveries that were neither committed nor aborted
}

func (b *failingBox) fails(stage string) error {
	if b.stage != stage {
		return nil
	}
	b.stage = ""
	return b.err
}

func (b *failingBox) Close()           {}
func (b *failingBox) InPlace() error   { return nil }
func (b *failingBox) Room(int64) error { return b.fails("room") }
func (b *failingBox) Begin(string, []string, string) (delivery, error) {
	if err := b.fails("begin"); err != nil {
		return nil, err
	}
	b.open++
	return &memoryDelivery{box: b}, nil
}

type memoryDelivery struct {
	box  *failingBox
	text []byte
}

func (d *memoryDelivery) Write(p []byte) (int, error) {
	d.text = append(d.text, p...)
	return len(p), d.box.fails("write")
}
func (d *memoryDelivery) Abort() { d.box.open-- }
func (d *memoryDelivery) Commit() error {
	d.box.open--
	if err := d.box.fails("commit"); err != nil {
		return err
	}
	d.box.taken = append(d.box.taken, string(d.text))
	return nil
}

// A message that cannot be written is refused for now, and the next is taken.
func TestReceiveIntoFailingBox(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("x: %w", syscall.ENOSPC), "452 4.3.1 *"},
		{fmt.Errorf("x: %w", syscall.EDQUOT), "452 4.3.1 *"},
		{syscall.EIO, "451 4.3.0 *"},
		{errors.New("x"), "451 4.3.0 *"},
	} {
		for _, stage := range []string{"room", "begin", "write", "commit"} {
			for _, how := range []string{"DATA\r\n", "BDAT 3 LAST\r\nx\r\n"} {
				t.Run(fmt.Sprint(test.err, stage, how[:4]), func(t *testing.T) {
					failOnce(t, test.err, stage, how, test.want)
				})
			}
		}
	}
}

func failOnce(t *testing.T, err error, stage, how, want string) {
	box := &failingBox{stage: stage, err: err}
	var warned error
	m := Maildir{Dir: "the Maildir", Host: "mx", Warn: func(err error) { warned = err }}
	v := start(t, Session{Sink: opened{&receiving{Maildir: m, box: box}}})
	v.turn()
	v.Send("HELO p\r\n")
	v.Expect("220 *")
	v.Expect("250 *")
	send := func(want string) {
		v.Send("MAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\n" + how)
		if stage == "room" && want[0] != '2' {
			v.Expect(want)
			v.Expect("503 *")
			v.Expect(map[string]string{"DATA": "503 *", "BDAT": "503 *"}[how[:4]])
			return
		}
		v.Expect("250 2.1.0 *")
		v.Expect("250 2.1.5 *")
		if how == "DATA\r\n" && (stage != "begin" || want[0] == '2') {
			v.Expect("354 *")
			v.Send("x\r\n.\r\n")
		}
		v.Expect(want)
	}
	send(want)
	if !errors.Is(warned, err) {
		t.Errorf("warned of %v", warned)
	}
	send("250 2.0.0 *")
	v.Send("QUIT\r\n")
	v.Expect("221 *")
	v.end(ExitFetched, "")
	v.counted(1, v.tally.Now().Bytes)
	v.refused(1, want)
	if diff := cmp.Diff([]string{"x\r\n"}, box.taken); diff != "" || box.open != 0 {
		t.Errorf("%d deliveries left open; taken (-want +got):\n%s", box.open, diff)
	}
}

// opened is a Sink with a Receiver that is there already.
type opened struct{ Receiver }

func (o opened) Open(context.Context) (Receiver, error) { return o.Receiver, nil }
