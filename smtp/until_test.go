package smtp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// A busyStream has always something to read, and keeps what is written.
type busyStream struct {
	*strings.Reader
	written bytes.Buffer
}

func (s *busyStream) Write(p []byte) (int, error) { return s.written.Write(p) }
func (s *busyStream) SetDeadline(time.Time) error { return nil }

// TestUntil: a peer that sends faster than it is answered never makes a read
// wait, and its session ends all the same.
func TestUntil(t *testing.T) {
	stream := &busyStream{Reader: strings.NewReader(strings.Repeat("NOOP\r\n", 10_000))}
	server := NewServer(stream)
	answered := 0
	server.Commands = map[string]Command{"NOOP": func(string) (Reply, error) {
		if answered++; answered == 100 {
			server.Until = time.Now().Add(-time.Second)
		}
		return ReplyOK(), nil
	}}
	err := server.Serve()
	var reply Reply
	if !errors.As(err, &reply) || !reply.Closing() || answered != 100 {
		t.Errorf("Serve returned %v after %d commands", err, answered)
	}
	if text := stream.written.String(); !strings.HasSuffix(text, "\r\n421 4.4.2 timed out waiting for you, closing\r\n") {
		t.Errorf("it ended with %q", text[max(0, len(text)-80):])
	}
}
