package filter

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A stage play of one dialogue: both sides' bytes, without any connection.
type play struct {
	dialogue           *Dialogue
	toServer, toClient []byte
	blind              string
}

// newPlay makes a dialogue in which every local part that begins with "no" is unknown.
func newPlay() *play {
	p := &play{dialogue: New()}
	p.dialogue.Refuse = func(raw string) (string, bool) { return "no " + raw, strings.HasPrefix(raw, "no") }
	p.dialogue.Blind = func(why string) { p.blind += why + "\n" }
	return p
}

func (p *play) client(bytes string) {
	toServer, toClient := p.dialogue.FromClient([]byte(bytes))
	p.toServer, p.toClient = append(p.toServer, toServer...), append(p.toClient, toClient...)
}

func (p *play) server(bytes string) {
	toClient, toServer := p.dialogue.FromServer([]byte(bytes))
	p.toServer, p.toClient = append(p.toServer, toServer...), append(p.toClient, toClient...)
}

// TestDialogues plays testdata/dialogues. Each line is what one side says or must have got:
//
//	C> text    the client says a line; with \ at its end no line end follows it
//	S< text    the server has got it next
//	S> text    the server says a line
//	C< text    the client has got it next
//	blind      nothing can be seen any more
//	end        the server has ended
//
// Escapes are Go's. Other lines are comments. At the end both sides must have got no more.
func TestDialogues(t *testing.T) {
	names, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p := newPlay()
			for i, line := range strings.Split(string(text), "\n") {
				p.line(t, i+1, line)
			}
			if len(p.toServer)+len(p.toClient) > 0 {
				t.Errorf("more than expected: the server got %q, the client %q", p.toServer, p.toClient)
			}
		})
	}
}

func (p *play) line(t *testing.T, number int, line string) {
	t.Helper()
	if line == "blind" && p.blind == "" {
		t.Fatalf("line %d: it is not blind", number)
	}
	if line == "end" {
		p.toClient = append(p.toClient, p.dialogue.ServerEnded()...)
	}
	if len(line) < 3 || line[2] != ' ' {
		return
	}
	said, err := strconv.Unquote(`"` + strings.ReplaceAll(strings.TrimSuffix(line[3:], `\`), `"`, `\"`) + `"`)
	if err != nil {
		t.Fatal(number, err)
	}
	if !strings.HasSuffix(line, `\`) {
		said += "\r\n"
	}
	switch line[:2] {
	case "C>":
		p.client(said)
	case "S>":
		p.server(said)
	case "S<":
		p.toServer = expect(t, number, p.toServer, said)
	case "C<":
		p.toClient = expect(t, number, p.toClient, said)
	}
}

func expect(t *testing.T, number int, got []byte, want string) []byte {
	t.Helper()
	rest, ok := bytes.CutPrefix(got, []byte(want))
	if !ok {
		t.Fatalf("line %d: got %q, want %q", number, got, want)
	}
	return rest
}

// TestBoundedMemory: neither side makes the Dialogue hold much.
func TestBoundedMemory(t *testing.T) {
	p := newPlay()
	p.server("220 hi\r\n")
	p.client("AUTH PLAIN\r\n")
	for p.dialogue.Reads() {
		p.client(strings.Repeat("x", 1000))
	}
	if n := len(p.dialogue.held); n > maxHeld+1000 {
		t.Errorf("%d bytes are held", n)
	}
	p = newPlay()
	for i := 0; i < 10*maxExpected && p.dialogue.Reads(); i++ {
		p.client("NOOP\r\n")
	}
	if n := len(p.dialogue.expected); n > maxExpected {
		t.Errorf("%d replies are expected", n)
	}
	for range 100 {
		p.server(strings.Repeat("x", 1000))
	}
	if n := len(p.dialogue.replies.line); n > 2*maxLine {
		t.Errorf("%d bytes of a reply are held", n)
	}
}

// FuzzDialogue: whatever both sides say, in whatever pieces, the server gets the client's
// bytes without the commands that were refused, and the client the server's with refusals
// between whole lines. Nothing is lost, doubled or changed.
func FuzzDialogue(f *testing.F) {
	f.Add("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<no@x>\r\nRCPT TO:<yes@x>\r\nDATA\r\n", "220 a\r\n250-a\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n354 go\r\n", 7)
	f.Add("BDAT 3 LAST\r\nRCPT TO:<no@x>\r\n", "250 CHUNKING\r\n503 no\r\n", 3)
	f.Add("AUTH LOGIN\r\nRCPT TO:<no@x>\r\nRCPT TO:<no@x>\r\n", "220 x\r\n334 \r\n235 \r\n", 30)
	f.Add("STARTTLS\r\nRCPT TO:<no@x>\r\n", "220 x\r\n220 go\r\nbinary", 4)
	f.Add("DATA\r\nRCPT TO:<no@x>\r\n..\r\n.\r\nRCPT TO:<no@y>\r\n", "220 x\r\n354 go\r\n250 ok\r\n", 2)
	f.Fuzz(func(t *testing.T, client, server string, size int) {
		if strings.Contains(server, ours) {
			return
		}
		size = max(1, min(size, 1<<16))
		p := newPlay()
		var refused []string
		p.dialogue.Refuse = func(raw string) (string, bool) {
			if strings.HasPrefix(raw, "no") {
				refused = append(refused, raw)
			}
			return "ours", strings.HasPrefix(raw, "no")
		}
		for c, s := client, server; c != "" || s != ""; {
			n := min(size, len(c))
			p.client(c[:n])
			c = c[n:]
			n = min(size, len(s))
			p.server(s[:n])
			s = s[n:]
		}
		p.toClient = append(p.toClient, p.dialogue.ServerEnded()...)
		checkServer(t, client, string(p.toServer)+string(p.dialogue.held), len(refused))
		checkClient(t, server, string(p.toClient), len(refused))
	})
}

const ours = "550 5.1.1 ours\r\n"

// checkServer: got is the client's stream without so many whole lines, each a RCPT.
func checkServer(t *testing.T, said, got string, refused int) {
	t.Helper()
	for said != "" {
		n := 0
		for n < len(said) && n < len(got) && said[n] == got[n] {
			n++
		}
		if n == len(said) && n == len(got) {
			break
		}
		// The difference lies in a RCPT that was left out, which begins at a line's start.
		at := strings.LastIndexByte(said[:min(n+1, len(said))], '\n') + 1
		if at > n {
			at = strings.LastIndexByte(said[:n], '\n') + 1
		}
		end := strings.IndexByte(said[at:], '\n') + 1
		if refused == 0 || end == 0 || !strings.EqualFold(said[at:at+4], "RCPT") {
			t.Fatalf("the server got %q for %q", got, said)
		}
		said, got, refused = said[at+end:], got[at:], refused-1
	}
}

// checkClient: got is the server's stream with at most so many replies of ours between lines.
func checkClient(t *testing.T, said, got string, refused int) {
	t.Helper()
	count := strings.Count(got, ours) + strings.Count(got, "503 5.5.1 say MAIL first\r\n")
	without := strings.ReplaceAll(strings.ReplaceAll(got, ours, ""), "503 5.5.1 say MAIL first\r\n", "")
	if count > refused || !strings.Contains(said, "say MAIL first") && without != said {
		t.Fatalf("the client got %q for %q, with %d refused", got, said, refused)
	}
}
