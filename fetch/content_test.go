package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A replayed connection gives its input in blocks of the given sizes, in turn,
// and keeps what is written to it.
type replayed struct {
	net.Conn
	in    []byte
	sizes []byte
	turn  int
	out   bytes.Buffer
}

func (c *replayed) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := len(c.in)
	if len(c.sizes) > 0 {
		n = min(n, 1+int(c.sizes[c.turn%len(c.sizes)]))
		c.turn++
	}
	n = copy(p, c.in[:n])
	c.in = c.in[n:]
	return n, nil
}

func (c *replayed) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *replayed) SetDeadline(time.Time) error      { return nil }
func (c *replayed) SetReadDeadline(time.Time) error  { return nil }
func (c *replayed) SetWriteDeadline(time.Time) error { return nil }
func (c *replayed) RemoteAddr() net.Addr             { return nil }
func (c *replayed) Close() error                     { return nil }

// replay runs a receiving session over a whole dialogue and returns the
// messages that were taken.
func replay(t *testing.T, dialogue []byte, sizes []byte) []string {
	t.Helper()
	conn := &replayed{in: dialogue, sizes: sizes}
	box := &failingBox{}
	d := &receiving{Maildir: Maildir{Host: "mx"}, box: box}
	if err := d.Receive(context.Background(), &Turned{Conn: conn}, &Tally{}); err != nil {
		t.Fatalf("%v after %q", err, conn.out.String())
	}
	if box.open != 0 {
		t.Errorf("%d deliveries left open", box.open)
	}
	return box.taken
}

// stuffed is content as DATA sends it, with its end; content that does not end
// in CRLF gets one.
func stuffed(content []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.SplitAfterSeq(content, []byte("\r\n")) {
		if bytes.HasPrefix(line, []byte(".")) {
			b.WriteByte('.')
		}
		b.Write(line)
	}
	if len(content) > 0 && !bytes.HasSuffix(content, []byte("\r\n")) {
		b.WriteString("\r\n")
	}
	b.WriteString(".\r\n")
	return b.Bytes()
}

// The content arrives as it was sent, by DATA and by BDAT, however the line cuts it,
// and the session goes on behind it in step.
func FuzzContent(f *testing.F) {
	f.Add([]byte("Subject: x\r\n\r\n.\r\n..\r\nx"), []byte{0}, uint16(3))
	f.Add([]byte("\r\r\n.\r\r\n\n.\n\r\n."), []byte{1, 0, 5}, uint16(1))
	f.Add([]byte("\r\n.\r\nQUIT\r\n"), []byte{}, uint16(7))
	f.Add([]byte(""), []byte{2}, uint16(9))
	f.Fuzz(func(t *testing.T, content, sizes []byte, cut uint16) {
		const envelope = "MAIL FROM:<a@s.example>\r\nRCPT TO:<b@r.example>\r\n"
		var d bytes.Buffer
		d.WriteString("EHLO p\r\n" + envelope + "DATA\r\n")
		d.Write(stuffed(content))
		d.WriteString(envelope)
		at := int(cut) % (len(content) + 1)
		fmt.Fprintf(&d, "BDAT %d\r\n%sBDAT %d LAST\r\n%s", at, content[:at], len(content)-at, content[at:])
		d.WriteString("QUIT\r\n")

		lines := string(content)
		if lines != "" && !strings.HasSuffix(lines, "\r\n") {
			lines += "\r\n"
		}
		got := replay(t, d.Bytes(), sizes)
		if len(got) != 2 || got[0] != lines || got[1] != string(content) {
			t.Errorf("sent %q, got %q", content, got)
		}
	})
}

// The same, counted by the tracker of a session that only passes through.
func FuzzTracker(f *testing.F) {
	f.Add([]byte("Subject: x\r\n\r\n.\r\n..\r\nx"), []byte{0}, uint16(3))
	f.Add([]byte("\r\r\n.\r\r\n\n.\n\r\n."), []byte{1, 0, 5}, uint16(1))
	f.Add([]byte("\r\n.\r\nQUIT\r\n"), []byte{}, uint16(7))
	f.Fuzz(func(t *testing.T, content, sizes []byte, cut uint16) {
		tally := &Tally{}
		tr := newTracker(tally)
		reply := func(text string) { inBlocks(tr.replies, []byte(text), sizes) }
		send := func(text string) { inBlocks(tr.commands, []byte(text), sizes) }
		at := int(cut) % (len(content) + 1)
		reply("220-hello\r\n220 there\r\n")
		send("DATA\r\n")
		reply("503 no\r\n")
		send("MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n")
		reply("250 ok\r\n250 ok\r\n354 go\r\n")
		sent := stuffed(content)
		send(string(sent))
		reply("250 ok\r\n")
		send(fmt.Sprintf("MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT %d\r\n%sBDAT %d LAST\r\n%sMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 1 LAST\r\nx",
			at, content[:at], len(content)-at, content[at:]))
		reply("250 ok\r\n250 ok\r\n250 ok\r\n250-two\r\n250 lines\r\n250 ok\r\n250 ok\r\n550-5.7.1 no\r\n550 5.7.1 not that\r\n")
		if tr.ended() {
			t.Error("QUIT seen too early")
		}
		send("QUIT\r\n")
		if !tr.ended() || tr.blind {
			t.Errorf("QUIT not seen; blind: %v", tr.blind)
		}
		c := tally.Now()
		if c.Refused != 1 || c.Reason != "550 5.7.1 no not that" {
			t.Errorf("refused %d, %q", c.Refused, c.Reason)
		}
		if c.Messages != 2 || c.Bytes != int64(len(sent)+len(content)) || c.Received != c.Bytes+1 {
			t.Errorf("counted %d messages, %d bytes, %d received for %q", c.Messages, c.Bytes, c.Received, content)
		}
	})
}

func inBlocks(see func([]byte), p, sizes []byte) {
	for turn := 0; len(p) > 0; turn++ {
		n := len(p)
		if len(sizes) > 0 {
			n = min(n, 1+int(sizes[turn%len(sizes)]))
		}
		see(p[:n])
		p = p[n:]
	}
}

func TestTrackerGoesBlind(t *testing.T) {
	for _, test := range []struct{ command, reply string }{
		{"BDAT\r\n", ""},
		{"BDAT x\r\n", ""},
		{"BDAT -1\r\n", ""},
		{"STARTTLS\r\n", "220 x\r\n220 go\r\n"},
		{strings.Repeat("NOOP\r\n", maxOwed), ""},
	} {
		tr := newTracker(&Tally{})
		tr.commands([]byte(test.command))
		tr.replies([]byte(test.reply))
		tr.commands([]byte("\x16\x03\x01 BDAT 5 LAST\r\n"))
		tr.replies([]byte("250 ok\r\n"))
		if !tr.blind || tr.tally.Now().Messages != 0 {
			t.Errorf("%.20q: sees still", test.command)
		}
	}
}

// A long message costs no memory.
func TestReceiveFlatMemory(t *testing.T) {
	const size = 64 << 20
	conn := &replayed{}
	block := bytes.Repeat([]byte("0123456789abcde\n"), 4096)
	source := io.MultiReader(
		strings.NewReader(fmt.Sprintf("HELO p\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT %d LAST\r\n", size)),
		io.LimitReader(&endless{block: block}, size), strings.NewReader("QUIT\r\n"))
	box := &countingBox{}
	d := &receiving{Maildir: Maildir{Host: "mx"}, box: box}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := d.Receive(context.Background(), &Turned{Conn: readFrom{conn, source}}, &Tally{})
	runtime.ReadMemStats(&after)
	if err != nil || box.size != size {
		t.Fatalf("got %d bytes, %v", box.size, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

type readFrom struct {
	net.Conn
	source io.Reader
}

func (r readFrom) Read(p []byte) (int, error) { return r.source.Read(p) }

type endless struct{ block []byte }

func (e *endless) Read(p []byte) (int, error) { return copy(p, e.block), nil }

type countingBox struct{ size int64 }

func (b *countingBox) Begin(string, []string, string) (delivery, error) { return b, nil }
func (b *countingBox) Close()                                           {}
func (b *countingBox) InPlace() error                                   { return nil }
func (b *countingBox) Room(int64) error                                 { return nil }
func (b *countingBox) Commit() error                                    { return nil }
func (b *countingBox) Abort()                                           { b.size = -1 }
func (b *countingBox) Write(p []byte) (int, error) {
	b.size += int64(len(p))
	if len(p) == 0 {
		return 0, errors.New("an empty write")
	}
	return len(p), nil
}
