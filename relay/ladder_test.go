package relay

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// A clumsy server is one that promises what it cannot keep.
type clumsy struct {
	offers string // words of its EHLO reply
	// longest is the longest line in bytes that it can read, in what it reads ahead too;
	// 0 for no limit. At a longer one it hangs up.
	longest int
	// forgets what it had read behind the final dot.
	forgets bool
	// single is for one command a packet: the rest of it is lost.
	single bool

	conn  net.Conn
	buf   []byte
	rcpts []string
	taken map[string]int // by recipient
}

func (c *clumsy) say(text string) { _, _ = io.WriteString(c.conn, text+"\r\n") }

// fill reads more. A server that waits for what it has lost gives up after a while.
func (c *clumsy) fill() error {
	_ = c.conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	p := make([]byte, 4096)
	n, err := c.conn.Read(p)
	c.buf = append(c.buf, p[:n]...)
	for line := range bytes.Lines(c.buf) {
		if c.longest > 0 && len(line) > c.longest {
			return io.ErrShortBuffer
		}
	}
	return err
}

// until returns what stands before the mark, and what else there is stays.
func (c *clumsy) until(mark string) (string, error) {
	for !bytes.Contains(c.buf, []byte(mark)) {
		if err := c.fill(); err != nil {
			return "", err
		}
	}
	text, rest, _ := bytes.Cut(c.buf, []byte(mark))
	c.buf = slices.Clone(rest)
	return string(text), nil
}

// serve greets and obeys.
func (c *clumsy) serve(conn net.Conn) error {
	c.conn, c.buf = conn, nil
	c.say("220 customer.test")
	for {
		line, err := c.until("\r\n")
		if err != nil {
			return err
		}
		if c.single {
			c.buf = nil
		}
		if verb, _, _ := strings.Cut(line, " "); verb == "QUIT" {
			c.say("221 bye")
			return nil
		}
		if err := c.obey(line); err != nil {
			return err
		}
	}
}

func (c *clumsy) obey(line string) error {
	words := strings.Fields(line)
	reply := "250 ok"
	switch words[0] {
	case "EHLO":
		reply = "250-customer.test\r\n250-" + strings.Join(strings.Fields(c.offers), "\r\n250-") + "\r\n250 HELP"
	case "MAIL":
		c.rcpts = nil
	case "RCPT":
		if strings.Contains(line, "<>") {
			reply = "501 5.1.3 whom"
		} else {
			c.rcpts = append(c.rcpts, strings.TrimSuffix(strings.TrimPrefix(line, "RCPT TO:<"), ">"))
		}
	case "BDAT":
		size, _ := strconv.Atoi(words[1])
		for len(c.buf) < size {
			if err := c.fill(); err != nil {
				return err
			}
		}
		c.buf = c.buf[size:]
		if reply = "554 5.5.1 no recipients"; len(c.rcpts) > 0 {
			c.take()
			reply = "250 taken"
		}
	case "DATA":
		c.say("354 go")
		if _, err := c.until("\r\n.\r\n"); err != nil {
			return err
		}
		if c.forgets {
			c.buf = nil
		}
		c.take()
	}
	c.say(reply)
	return nil
}

func (c *clumsy) take() {
	for _, rcpt := range c.rcpts {
		c.taken[rcpt]++
	}
	c.rcpts = nil
}

// TestLadderBringsTheMail: servers that break with what they offer get all that is
// innocent within three sessions, whatever stands where in the order, and each once.
func TestLadderBringsTheMail(t *testing.T) {
	const messages = 10
	for name, test := range map[string]struct {
		server clumsy
		guilty []int // messages with a line that is too long
	}{
		"a long line, by DATA":         {clumsy{offers: "PIPELINING", longest: 2000}, []int{4}},
		"a long line, by BDAT":         {clumsy{offers: "PIPELINING CHUNKING", longest: 2000}, []int{4}},
		"a long line in front":         {clumsy{offers: "PIPELINING CHUNKING", longest: 2000}, []int{0}},
		"a long line, nothing offered": {clumsy{longest: 2000}, []int{9}},
		"forgets behind the dot":       {clumsy{offers: "PIPELINING", forgets: true}, nil},
		"one command a packet":         {clumsy{offers: "PIPELINING", single: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			for i := range messages {
				text := fmt.Sprintf("subject %d", i)
				if slices.Contains(test.guilty, i) {
					text = strings.Repeat("x", 3000)
				}
				s.put(t, i, text, 20)
			}
			server := test.server
			server.taken = map[string]int{}
			for range 3 {
				if s.waiting(t) > 0 {
					_ = s.turn(t, server.serve)
				}
			}
			for i := range messages {
				want := 1
				if slices.Contains(test.guilty, i) {
					want = 0
				}
				if got := server.taken[recipient(i)]; got != want {
					t.Errorf("%s arrived %d times in three sessions, want %d", recipient(i), got, want)
				}
			}
			if got := s.waiting(t); got != len(test.guilty) {
				t.Errorf("%d wait, want %d:\n%s", got, len(test.guilty), s.log(t))
			}
		})
	}
}

// TestLadderBlamesOnce: on the way down each innocent message is a suspect once at most.
func TestLadderBlamesOnce(t *testing.T) {
	s := newSite(t, standardSite(t))
	for i := range 10 {
		text := fmt.Sprintf("subject %d", i)
		if i == 3 {
			text = strings.Repeat("x", 3000)
		}
		s.put(t, i, text, 20)
	}
	server := clumsy{offers: "PIPELINING CHUNKING", longest: 2000, taken: map[string]int{}}
	for range 6 {
		if s.waiting(t) == 0 {
			break
		}
		_ = s.turn(t, server.serve)
		text, err := os.ReadFile(filepath.Join(s.maildir, "vodmr.notes"))
		require.OK(t, err)
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if words[1] == "broke" && words[2] != "1795336003.3.vm" && words[3] != "1" {
				t.Errorf("an innocent message is blamed twice: %s", line)
			}
		}
	}
	if s.waiting(t) > 1 {
		t.Errorf("%d wait", s.waiting(t))
	}
}
