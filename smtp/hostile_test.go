package smtp

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// An endlessServer is a Duplex that answers everything with what it makes.
type endlessServer struct {
	next  func() string
	rest  string
	reads int
}

func (e *endlessServer) SetDeadline(time.Time) error { return nil }

// enoughReads is by far more than a sender may read before it ends the session.
const enoughReads = 2000

func (e *endlessServer) Exchange(out, in []byte) (wrote, read int, err error) {
	if e.reads > enoughReads {
		return 0, 0, io.EOF // a sender that would read for ever fails soon
	}
	if e.rest == "" {
		e.rest = e.next()
	}
	n := copy(in, e.rest)
	e.rest = e.rest[n:]
	e.reads++
	return len(out), n, nil
}

// TestEndlessReplies: whatever a server goes on saying, the session ends soon
// and costs little memory.
func TestEndlessReplies(t *testing.T) {
	hello := []string{"220 c\r\n", "250-c\r\n250-PIPELINING\r\n250 CHUNKING\r\n"}
	for name, endless := range map[string]string{
		"a million replies":    strings.Repeat("250 ok\r\n", 1_000_000),
		"a reply without end":  strings.Repeat("250-go on\r\n", 1_000_000),
		"a line without end":   "250 " + strings.Repeat("x", 10_000_000),
		"refusals without end": strings.Repeat("550 no\r\n", 1_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			said := 0
			server := &endlessServer{next: func() string {
				if said++; said <= len(hello) {
					return hello[said-1]
				}
				return endless
			}}
			sender := NewSender(server, StandardTimeouts(), DefaultWindow)
			if err := sender.Hello("provider.test"); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := sender.Run(newList(200, 97, 100))
			runtime.ReadMemStats(&after)
			var broken *BrokenError
			if !errors.As(err, &broken) {
				t.Errorf("Run returned %v", err)
			}
			if server.reads > enoughReads {
				t.Errorf("it read %d times", server.reads)
			}
			if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 16<<20 {
				t.Errorf("%d bytes more in use", grown)
			}
		})
	}
}
