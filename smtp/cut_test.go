package smtp

import (
	"fmt"
	"testing"

	"vodmr/test/kit/customer"
)

// A cutEnd is the end of a server. The connection is cut after so many bytes of its replies.
type cutEnd struct {
	serverEnd
	left int
	said []byte // all of it
}

func (c *cutEnd) Write(p []byte) (int, error) {
	c.said = append(c.said, p...)
	n := min(len(p), c.left)
	c.left -= n
	_, err := c.serverEnd.Write(p[:n])
	if n < len(p) {
		c.close()
	}
	return len(p), err
}

// TestCutReplies: a connection that ends at any byte of the replies, as TLS without a
// close_notify may: only whole lines decide, and what they decide is what they would have
// decided anyway.
func TestCutReplies(t *testing.T) {
	for _, server := range []customer.Server{{}, {Pipelining: true}, {Pipelining: true, Chunking: true}} {
		t.Run(fmt.Sprintf("pipelining %v chunking %v", server.Pipelining, server.Chunking), func(t *testing.T) {
			server.Rcpt = func(to string) string {
				if to == "r1-0@c.test" {
					return "550-5.1.1 nobody\r\n550 5.1.1 here"
				}
				return ""
			}
			server.Take = func(string, []string, []byte) {}
			const enough = 10_000
			whole, said := decideUpTo(t, server, enough)
			if len(whole) != 3 {
				t.Fatalf("%d decisions without a cut", len(whole))
			}
			before := 0
			for n := range said {
				got, _ := decideUpTo(t, server, n)
				for from, decision := range got {
					if decision != whole[from] {
						t.Errorf("cut after %d bytes: %s is %s, want %s", n, from, decision, whole[from])
					}
				}
				if len(got) < before || len(got) > before && said[n-1] != '\n' {
					t.Errorf("cut after %q: %d decisions, %d a byte before", said[:n], len(got), before)
				}
				before = len(got)
			}
		})
	}
}

// decideUpTo has three messages sent to a server whose replies are cut after limit bytes. It gives
// the decisions by sender, and the replies.
func decideUpTo(t *testing.T, server customer.Server, limit int) (decisions map[string]string, said []byte) {
	t.Helper()
	conn := newTurnConn()
	end := &cutEnd{serverEnd: serverEnd{conn}, left: limit}
	done := make(chan struct{})
	go func() {
		_, _ = server.Serve(end)
		end.close()
		close(done)
	}()
	l := newList(3, 1, 100)
	sender := NewSender(conn, StandardTimeouts(), DefaultWindow)
	if sender.Hello("provider.test") == nil && sender.Run(l) == nil {
		_ = sender.Quit()
	}
	conn.mu.Lock()
	conn.gone = true
	conn.changed.Broadcast()
	conn.mu.Unlock()
	<-done
	decisions = make(map[string]string)
	for tx, list := range l.decisions {
		decisions[tx.From] = list[0].Reply.String()
	}
	return decisions, end.said
}
