package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vodmr/relay/spool/history"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// A step is what a client says, and what it may hear for it: first the answer of a program
// that nothing disturbs.
type step struct {
	says  string
	hears []string
	ready bool // the client says it when it has heard all before it
}

// recipient is RCPT. The unknown ones are refused by the filter, or accepted by the server.
func recipient(name string) step {
	says := "RCPT TO:<" + name + "@example.org>\r\n"
	hears := []string{"250 " + says}
	if strings.HasPrefix(name, "nobody") {
		hears = []string{"550 5.1.1 no such user\r\n", "250 " + says}
	}
	return step{says: says, hears: hears}
}

func plain(says, hears string) step { return step{says: says, hears: []string{hears}} }

// content is more than what is passed on at once.
var content = strings.Repeat("0123456789 0123456789 0123456789\r\n", 1200)

// messages are the contents of the client's two messages.
var messages = []string{content, "first\nRCPT TO:<nobody@example.org>\r\n"}

const quit = "QUIT\r\n"

// smtpSession has one message by DATA and one by BDAT, as pipelined as a client may.
func smtpSession() []step {
	data, rest := plain("DATA\r\n", "354 DATA\r\n"), messages[1][6:]
	body := plain(messages[0]+".\r\n", "250 taken 1\r\n")
	mail := plain("MAIL FROM:<ann@sender.example>\r\n", "250 MAIL FROM:<ann@sender.example>\r\n")
	first := mail
	first.ready, body.ready = true, true
	last := fmt.Sprintf("BDAT %d LAST\r\n", len(rest))
	return []step{
		plain("", "220 smtpd\r\n"), plain("EHLO client\r\n", "250-smtpd\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 EHLO client\r\n"),
		first, recipient("bob"), recipient("nobody"), recipient("dora"), recipient("nobody-2"), data, body,
		mail, recipient("nobody-3"), recipient("bob"), plain("BDAT 6\r\n"+messages[1][:6], "250 BDAT 6\r\n"), plain(last+rest, "250 taken 2\r\n"),
		plain(quit, "221 "+quit),
	}
}

// policySession asks one question after the other.
func policySession() (steps []step) {
	for _, name := range []string{"bob", "nobody", "dora", "nobody-2"} {
		hears := []string{"action=DUNNO\n\n"}
		if strings.HasPrefix(name, "nobody") {
			hears = []string{"action=550 5.1.1 no such user\n\n", "action=DUNNO\n\n"}
		}
		steps = append(steps, step{says: "protocol_state=RCPT\nrecipient=" + name + "@example.org\n\n", hears: hears, ready: true})
	}
	return steps
}

// standing is a door with a session that knows everybody but nobody.
func standing(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("unix", dir+"/example.org")
	require.OK(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(conn)
		}
	}()
	return dir
}

func answer(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	question, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && strings.HasPrefix(question, "nobody") {
		_, _ = io.WriteString(conn, "no no such user\n")
	} else if err == nil {
		_, _ = io.WriteString(conn, "yes ok\n")
	}
}

// learntUsers is a door where earlier sessions have learnt what standing knows.
func learntUsers(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	r := history.NewRecipients(dir, "example.org", time.Now)
	require.OK(t, r.SetLogin("odmr@example.org"))
	for _, name := range []string{"nobody", "nobody-2", "nobody-3"} {
		require.OK(t, r.Refused(name+"@example.org", "no such user"))
	}
	require.OK(t, r.Accepted("bob@example.org"))
	return dir
}

// limit bounds each wait of a play.
const limit = 20 * time.Second

// A client is the other side of a program's descriptors 0 and 1.
type client struct {
	in interface {
		io.WriteCloser
		SetWriteDeadline(t time.Time) error
	}
	out interface {
		io.Reader
		SetReadDeadline(t time.Time) error
	}
}

// connect gives a program a client, over two pipes or one socket, and starts it.
func connect(t *testing.T, cmd *exec.Cmd, pipes bool) *client {
	t.Helper()
	c, theirs := &client{}, []*os.File(nil)
	if pipes {
		stdin, in, err1 := os.Pipe()
		out, stdout, err2 := os.Pipe()
		require.OK(t, err1)
		require.OK(t, err2)
		t.Cleanup(func() { in.Close(); out.Close() })
		c.in, c.out, theirs = in, out, []*os.File{stdin, stdout}
	} else {
		conn, far := dialogue.Pair(t)
		c.in, c.out, theirs = conn.Net().(*net.UnixConn), conn.Net(), []*os.File{far, far}
	}
	cmd.Stdin, cmd.Stdout = theirs[0], theirs[1]
	require.OK(t, cmd.Start())
	for _, file := range theirs {
		file.Close()
	}
	return c
}

// talk says the steps and returns all that is heard, up to the end.
func (c *client) talk(t *testing.T, steps []step) (heard string) {
	t.Helper()
	end := time.Now().Add(limit)
	require.OK(t, c.in.SetWriteDeadline(end))
	require.OK(t, c.out.SetReadDeadline(end))
	buf := make([]byte, 64<<10)
	for said := 0; ; {
		for said < len(steps) && (!steps[said].ready || follow(heard, steps[:said]).complete) {
			_, _ = io.WriteString(c.in, steps[said].says) // the program may have ended
			if said++; said == len(steps) && steps[said-1].says != quit {
				c.closeWrite() // behind QUIT the client waits
			}
		}
		n, err := c.out.Read(buf)
		heard += string(buf[:n])
		if h := follow(heard, steps); h.wrong != "" && len(steps) > 1 {
			t.Fatalf("heard %q behind %q", h.wrong, h.replies)
		}
		if os.IsTimeout(err) {
			t.Fatalf("it hangs; heard %q", heard)
		}
		if err != nil {
			return heard
		}
	}
}

func (c *client) closeWrite() {
	if half, ok := c.in.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = c.in.Close()
}

// A hearing is what a client has heard, reply by reply.
type hearing struct {
	replies  []string // whole ones
	others   int      // replies that differ from those of a program that nothing disturbs
	complete bool     // it has all
	wrong    string   // what no server said
}

// follow compares what was heard with what can be heard for the steps.
func follow(heard string, steps []step) (h hearing) {
	for _, s := range steps {
		i := slices.IndexFunc(s.hears, func(reply string) bool { return strings.HasPrefix(heard, reply) })
		if i < 0 {
			if !slices.ContainsFunc(s.hears, func(reply string) bool { return strings.HasPrefix(reply, heard) }) {
				h.wrong = heard
			}
			return h
		}
		h.replies = append(h.replies, s.hears[i])
		h.others += min(i, 1)
		heard = heard[len(s.hears[i]):]
	}
	h.wrong, h.complete = heard, heard == ""
	return h
}

// checkTaken holds the messages that the stand-in in a folder has taken against what the
// client heard.
func checkTaken(t *testing.T, folder string, steps []step, h hearing) {
	t.Helper()
	for i, want := range messages {
		text, err := os.ReadFile(fmt.Sprintf("%s/%d.message", folder, i+1))
		if answered := slices.Contains(h.replies, fmt.Sprintf("250 taken %d\r\n", i+1)); err != nil && answered {
			t.Errorf("message %d was answered with 250 and not taken", i+1)
		}
		if err != nil {
			continue
		}
		recipients, got, _ := strings.Cut(string(text), "\n\n")
		if got != want {
			t.Errorf("message %d has %d bytes, not %d", i+1, len(got), len(want))
		}
		for j, reply := range h.replies {
			name := strings.TrimSpace(strings.TrimPrefix(steps[j].says, "RCPT "))
			if strings.HasPrefix(reply, "550 ") && slices.Contains(strings.Split(recipients, "\n"), name) {
				t.Errorf("message %d has the refused recipient %s", i+1, name)
			}
		}
		if !strings.Contains(recipients, "TO:<bob@example.org>") || (i == 0) != strings.Contains(recipients, "TO:<dora@example.org>") {
			t.Errorf("message %d has the recipients %q", i+1, recipients)
		}
	}
	if files, err := filepath.Glob(folder + "/*.message"); err != nil || len(files) > len(messages) {
		t.Errorf("%q, %v", files, err)
	}
}
