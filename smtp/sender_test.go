package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"vodmr/test/kit/customer"
)

// A turnConn joins a Sender and a server so that round trips can be counted
// without a clock: what the Sender writes reaches the server when the Sender has
// nothing more to write and waits, which is one round trip.
type turnConn struct {
	mu       sync.Mutex
	changed  *sync.Cond
	staged   bytes.Buffer // written, still on the line
	toServer bytes.Buffer
	toSender bytes.Buffer
	waiting  bool // the server waits for more
	closed   bool // by the server
	gone     bool // the client is
	trips    int
}

func newTurnConn() *turnConn {
	c := &turnConn{}
	c.changed = sync.NewCond(&c.mu)
	return c
}

func (c *turnConn) SetDeadline(time.Time) error { return nil }

func (c *turnConn) Exchange(out, in []byte) (wrote, read int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(out) > 0 {
		c.staged.Write(out)
		return len(out), 0, nil
	}
	if c.toSender.Len() == 0 {
		c.trips++
		c.staged.WriteTo(&c.toServer)
		c.changed.Broadcast()
		for !c.closed && !(c.waiting && c.toServer.Len() == 0) {
			c.changed.Wait()
		}
	}
	if c.toSender.Len() == 0 {
		return 0, 0, io.EOF
	}
	n, _ := c.toSender.Read(in)
	return 0, n, nil
}

// A serverEnd is the server's end of a turnConn.
type serverEnd struct{ *turnConn }

func (c serverEnd) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.toServer.Len() == 0 {
		if c.gone {
			return 0, io.EOF
		}
		c.waiting = true
		c.changed.Broadcast()
		c.changed.Wait()
	}
	c.waiting = false
	return c.toServer.Read(p)
}

func (c serverEnd) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.toSender.Write(p)
}

func (c serverEnd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.changed.Broadcast()
}

// A list is a Source of messages that records what became of them.
type list struct {
	waiting   []*Transaction
	decisions map[*Transaction][]Decision
	failed    map[*Transaction]error
	flight    int // begun by Next, not answered
	most      int // the highest flight
}

func newList(n, recipients, size int) *list {
	l := &list{decisions: map[*Transaction][]Decision{}, failed: map[*Transaction]error{}}
	for i := range n {
		tx := &Transaction{From: fmt.Sprintf("s%d@s.test", i), Body: []byte(strings.Repeat("x", size-1) + "\n")}
		for j := range recipients {
			tx.To = append(tx.To, fmt.Sprintf("r%d-%d@c.test", i, j))
		}
		tx.Size = wireSize(tx.Body)
		l.waiting = append(l.waiting, tx)
	}
	return l
}

func (l *list) Next() *Transaction {
	if len(l.waiting) == 0 {
		return nil
	}
	tx := l.waiting[0]
	l.waiting = l.waiting[1:]
	l.flight++
	l.most = max(l.most, l.flight)
	return tx
}

func (l *list) Begun(*Transaction) {}

func (l *list) Sending() {}

func (l *list) Answered(tx *Transaction, d []Decision) {
	l.flight--
	l.decisions[tx] = d
}

func (l *list) Failed(tx *Transaction, err error) {
	l.flight--
	l.failed[tx] = err
}

// session joins a Sender that has said EHLO to a server, which earlier sessions have
// proven; run has it send and quit.
func session(t *testing.T, server *customer.Server) (sender *Sender, run func(Source) (trips int)) {
	t.Helper()
	conn := newTurnConn()
	done := make(chan error, 1)
	go func() {
		_, err := server.Serve(serverEnd{conn})
		serverEnd{conn}.close()
		done <- err
	}()
	sender = NewSender(conn, StandardTimeouts(), DefaultWindow)
	if err := sender.Hello("provider.test"); err != nil {
		t.Fatal(err)
	}
	sender.Peer.Evidence = Drains
	return sender, func(source Source) int {
		t.Helper()
		before := conn.trips
		if err := sender.Run(source); err != nil {
			t.Fatal(err)
		}
		trips := conn.trips - before
		if err := sender.Quit(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatalf("the server: %v", err)
		}
		return trips
	}
}

// send runs a whole session over a turnConn.
func send(t *testing.T, server *customer.Server, l *list) (trips int, sender *Sender) {
	t.Helper()
	sender, run := session(t, server)
	return run(l), sender
}

// TestRoundTrips counts them from the dialogue.
func TestRoundTrips(t *testing.T) {
	const messages = 200
	for _, test := range []struct {
		name   string
		server customer.Server
		most   int // round trips
	}{
		{"nothing offered", customer.Server{}, 4 * messages},
		{"PIPELINING", customer.Server{Pipelining: true}, messages + 1},
		// 4, 8, 16, 32, 64, then 76 of a window of 100.
		{"CHUNKING", customer.Server{Pipelining: true, Chunking: true}, 12},
	} {
		t.Run(test.name, func(t *testing.T) {
			taken := 0
			test.server.Take = func(string, []string, []byte) { taken++ }
			l := newList(messages, 1, 100)
			trips, _ := send(t, &test.server, l)
			if taken != messages || len(l.decisions) != messages {
				t.Errorf("%d taken and %d answered of %d", taken, len(l.decisions), messages)
			}
			if trips > test.most {
				t.Errorf("%d round trips for %d messages, want at most %d", trips, messages, test.most)
			}
		})
	}
}

// TestWindow: many in flight, but never more than the window, and one after a
// refusal.
func TestWindow(t *testing.T) {
	server := &customer.Server{Pipelining: true, Chunking: true}
	l := newList(500, 1, 100)
	send(t, server, l)
	// Next may hold one more than was begun.
	if l.most < DefaultWindow || l.most > DefaultWindow+1 {
		t.Errorf("at most %d in flight, want the window of %d", l.most, DefaultWindow)
	}
	n := 0
	server.Rcpt = func(string) string {
		if n++; n%2 == 0 {
			return "550 5.1.1 no"
		}
		return ""
	}
	l = newList(100, 1, 100)
	trips, _ := send(t, server, l)
	if trips < 90 {
		t.Errorf("%d round trips for 100 messages of which each second is refused: the window did not fall", trips)
	}
}

// TestWindowAfterRefusal: what was under way at a refusal does not open the
// window again; it grows from one with what begins after.
func TestWindowAfterRefusal(t *testing.T) {
	n := 0
	server := &customer.Server{Pipelining: true, Chunking: true, Rcpt: func(string) string {
		if n++; n == 29 { // the first of the fourth batch: 4, 8, 16, then 32
			return "550 5.1.1 no"
		}
		return ""
	}}
	l := newList(28+32+5, 1, 100)
	trips, _ := send(t, server, l)
	// Four batches; then one at a time, four times; then the last.
	if trips != 4+5 {
		t.Errorf("%d round trips, want 9", trips)
	}
}

// TestStreamRefusedMidway: a server may refuse DATA's content before its end.
// The refusal decides for the message, and the session ends without the dot.
func TestStreamRefusedMidway(t *testing.T) {
	for _, pipelining := range []bool{false, true} {
		near, far := net.Pipe()
		defer near.Close()
		offers := "250 HELP"
		if pipelining {
			offers = "250 PIPELINING"
		}
		go refuseMidway(far, offers)
		l := newList(2, 1, 100)
		first := l.waiting[0]
		first.Body, first.Stream, first.Size = nil, &failingReader{64 << 20}, 64<<20
		sender := NewSender(halfDuplex{near}, StandardTimeouts(), DefaultWindow)
		if err := sender.Hello("provider.test"); err != nil {
			t.Fatal(err)
		}
		err := sender.Run(l)
		d := l.decisions[first]
		if err == nil || len(d) != 1 || d[0].Reply.Code != 552 || d[0].Stage != StageContent {
			t.Errorf("pipelining %v: Run returned %v, decided %v", pipelining, err, d)
		}
	}
}

// refuseMidway is a server that says 552 after the first megabyte of content.
func refuseMidway(conn net.Conn, offers string) {
	in := bufio.NewReader(conn)
	fmt.Fprintf(conn, "220 c\r\n")
	for {
		line, err := in.ReadString('\n')
		switch {
		case err != nil:
			return
		case strings.HasPrefix(line, "EHLO"):
			fmt.Fprintf(conn, "250-c\r\n%s\r\n", offers)
		case strings.HasPrefix(line, "DATA"):
			fmt.Fprintf(conn, "354 go\r\n")
			_, _ = io.CopyN(io.Discard, in, 1<<20)
			go fmt.Fprintf(conn, "552 5.3.4 too big\r\n")
			_, _ = io.Copy(io.Discard, in)
			return
		default:
			fmt.Fprintf(conn, "250 ok\r\n")
		}
	}
}

// halfDuplex makes a Duplex of a net.Conn: it writes a little at a time and
// reads what came meanwhile.
type halfDuplex struct{ net.Conn }

func (c halfDuplex) Exchange(out, in []byte) (wrote, read int, err error) {
	if len(out) > 0 {
		if wrote, err = c.Write(out[:min(len(out), 32<<10)]); err != nil {
			return wrote, 0, err
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	}
	read, err = c.Read(in)
	if len(out) > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return wrote, read, err
}

// TestWindowOctets: content without an answer is bounded.
func TestWindowOctets(t *testing.T) {
	server := &customer.Server{Pipelining: true, Chunking: true}
	l := newList(60, 1, 1<<20)
	send(t, server, l)
	if most := windowOctets>>20 + 1; l.most > most {
		t.Errorf("%d messages of 1 MiB in flight, want at most %d", l.most, most)
	}
}

// TestReplies: at most 400 replies are owed, however many recipients there are.
func TestReplies(t *testing.T) {
	server := &customer.Server{Pipelining: true, Chunking: true}
	l := newList(100, 97, 100)
	send(t, server, l)
	if l.most > windowReplies/100+1 {
		t.Errorf("%d messages of 100 replies in flight", l.most)
	}
}

// TestDecisions: the first refusal of its own decides for each recipient.
func TestDecisions(t *testing.T) {
	for _, mode := range []customer.Server{{}, {Pipelining: true}, {Pipelining: true, Chunking: true}, {Chunking: true}} {
		server := mode
		server.Mail = func(from string) string {
			if from == "s1@s.test" {
				return "550 5.7.1 sender"
			}
			return ""
		}
		server.Rcpt = func(to string) string {
			switch {
			case strings.HasPrefix(to, "r2-"), to == "r3-1@c.test":
				return "551 5.1.1 recipient"
			}
			return ""
		}
		server.Content = func(from string, _ []string) string {
			if from == "s4@s.test" {
				return "554 5.6.0 content"
			}
			return ""
		}
		l := newList(6, 3, 100)
		all := append([]*Transaction(nil), l.waiting...)
		send(t, &server, l)
		want := []string{"250 250 250", "550 550 550", "551 551 551", "250 551 250", "554 554 554", "250 250 250"}
		for i, tx := range all {
			var codes []string
			for _, d := range l.decisions[tx] {
				codes = append(codes, fmt.Sprint(d.Reply.Code))
			}
			if got := strings.Join(codes, " "); got != want[i] {
				t.Errorf("%+v: message %d was decided by %s, want %s", mode, i, got, want[i])
			}
		}
	}
}

// failingReader fails behind n bytes.
type failingReader struct{ n int }

func (r *failingReader) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.ErrNoProgress
	}
	n := min(len(p), r.n)
	r.n -= n
	for i := range p[:n] {
		p[i] = 'x'
		if i%70 == 69 {
			p[i] = '\n'
		}
	}
	return n, nil
}

// TestStream sends a message of many chunks in every mode, and one that cannot
// be read to its end: the others arrive all the same if it goes by BDAT, which lets it
// be taken back; otherwise the line is cut before the dot.
func TestStream(t *testing.T) {
	for _, mode := range []customer.Server{{}, {Pipelining: true}, {Pipelining: true, Chunking: true}, {Chunking: true}} {
		server := mode
		var sizes []int
		server.Take = func(_ string, _ []string, content []byte) { sizes = append(sizes, len(content)) }
		l := newList(3, 1, 100)
		big := bytes.Repeat([]byte("0123456789abcde\n"), 5<<20/16)
		l.waiting[1].Body, l.waiting[1].Stream, l.waiting[1].Size = nil, bytes.NewReader(big), int64(len(big))
		send(t, &server, l)
		want := len(big) + len(big)/16
		if len(sizes) != 3 || sizes[1] != want {
			t.Errorf("%+v: sizes %v, want the second to be %d", mode, sizes, want)
		}
		if !mode.Chunking || !mode.Pipelining {
			continue
		}
		sizes = nil
		l = newList(3, 1, 100)
		bad := l.waiting[1]
		bad.Body, bad.Stream, bad.Size = nil, &failingReader{3 << 20}, 3<<20
		send(t, &server, l)
		if len(sizes) != 2 || l.failed[bad] == nil || len(l.decisions) != 2 {
			t.Errorf("%+v: %d taken, failed: %v", mode, len(sizes), l.failed)
		}
	}
}

// TestStreamCut: with DATA a message that cannot be read to its end cuts the
// line; the dot is never sent.
func TestStreamCut(t *testing.T) {
	conn := newTurnConn()
	taken := 0
	server := &customer.Server{Pipelining: true, Take: func(string, []string, []byte) { taken++ }}
	go func() {
		_, _ = server.Serve(serverEnd{conn})
		serverEnd{conn}.close()
	}()
	l := newList(2, 1, 100)
	l.waiting[1].Body, l.waiting[1].Stream, l.waiting[1].Size = nil, &failingReader{300 << 10}, 300<<10
	sender := NewSender(conn, StandardTimeouts(), DefaultWindow)
	if err := sender.Hello("provider.test"); err != nil {
		t.Fatal(err)
	}
	err := sender.Run(l)
	if err == nil || !strings.Contains(err.Error(), "could not be read to its end") {
		t.Errorf("Run returned %v", err)
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	if taken != 1 || strings.Contains(conn.staged.String()+conn.toServer.String(), "\r\n.\r\n") {
		t.Errorf("%d taken, or the dot was sent", taken)
	}
}
