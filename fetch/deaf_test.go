package fetch

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/records"
)

// A side that takes nothing more, though its connection stands, holds atrn for a while
// only: not until it is there again, and not against a signal.
func TestPumpTakesNothing(t *testing.T) {
	const quick = time.Minute
	for name, test := range map[string]struct {
		play    func(provider, receiver *dialogue.Conn, stop func())
		pattern string
		within  time.Duration
	}{
		"provider": {func(_, receiver *dialogue.Conn, _ func()) {
			receiver.Send("220 mx\r\n")
		}, "the provider took no replies for 20m0s", takeTime + quick},
		"provider, and the receiving side hangs up": {func(_, receiver *dialogue.Conn, _ func()) {
			go receiver.Send("220 mx\r\n")
			time.Sleep(time.Second)
			receiver.Close()
		}, "the provider took no replies for 20m0s", takeTime + quick},
		"provider, and atrn is stopped": {func(_, receiver *dialogue.Conn, stop func()) {
			receiver.Send("220 mx\r\n")
			time.Sleep(time.Second)
			stop()
		}, "*cut short*", takeTime + quick},
		"receiving side": {func(provider, receiver *dialogue.Conn, _ func()) {
			receiver.Send("220 mx\r\n")
			provider.Run("S: 220 mx\nC: NOOP")
		}, "the receiving side took nothing for 20m0s", takeTime + quick},
		"receiving side, and the provider hangs up": {func(provider, receiver *dialogue.Conn, _ func()) {
			receiver.Send("220 mx\r\n")
			provider.Run("S: 220 mx\nC: NOOP")
			provider.Close()
		}, "the receiving side took nothing for 20m0s", takeTime + quick},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				server, ours := net.Pipe()
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				p := newPump(&Turned{Conn: hanging{far}}, hanging{ours}, Guard{}, &Tally{})
				result, began := make(chan error, 1), time.Now()
				go func() { result <- p.run(ctx) }()
				test.play(dialogue.New(t, near), dialogue.New(t, server), stop)
				err := <-result
				if ExitCode(err) != ExitLater || !dialogue.Match(test.pattern, err.Error()) {
					t.Errorf("got %v", err)
				}
				if held := time.Since(began); held > test.within {
					t.Errorf("held for %v", held)
				}
			})
		})
	}
}

// A provider that asks for new keys without end, and takes no answer, makes a read of TLS
// write: neither a signal, nor the receiving side's end, nor its replies wait for that for ever.
func TestPumpAskedForKeys(t *testing.T) {
	self := issue(t, lasting(testHost, false), nil)
	for name, test := range map[string]struct {
		play    func(receiver *dialogue.Conn, stop func())
		pattern string
	}{
		"the receiving side hangs up": {func(receiver *dialogue.Conn, _ func()) { receiver.Close() },
			"the receiving side hung up before*"},
		"the receiving side speaks": {func(receiver *dialogue.Conn, _ func()) { receiver.Send("421 mx closes\r\n") },
			"the provider took no replies for 100ms"},
		"atrn is stopped": {func(_ *dialogue.Conn, stop func()) { stop() }, "*cut short*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, far := net.Pipe()
			server, ours := net.Pipe()
			ctx, stop := context.WithCancel(t.Context())
			t.Cleanup(func() { stop(); near.Close(); far.Close() })
			reading := &written{Conn: far, begun: make(chan struct{})}
			turned := &Turned{Conn: encrypted{tls.Client(reading, &tls.Config{InsecureSkipVerify: true})}}
			result := make(chan error, 1)
			go func() {
				p := newPump(turned, hanging{ours}, Guard{}, &Tally{})
				p.takes = 100 * time.Millisecond
				err := p.run(ctx)
				turned.Close()
				result <- err
			}()
			receiver := dialogue.New(t, server)
			go receiver.Send("220 mx\r\n")
			provider, err := records.Server(near, &tls.Config{Certificates: []tls.Certificate{self.Certificate}})
			if err != nil {
				t.Fatal(err)
			}
			dialogue.New(t, provider.Conn).Expect("220 mx")
			reading.armed.Store(true)
			go func() { _ = provider.Pour(provider.SealKeyUpdate) }()
			<-reading.begun // the answer, which nobody takes
			test.play(receiver, stop)
			select {
			case err := <-result:
				if ExitCode(err) != ExitLater || !dialogue.Match(test.pattern, err.Error()) {
					t.Errorf("got %v", err)
				}
			case <-time.After(time.Minute):
				t.Error("atrn hangs")
			}
		})
	}
}

// A written connection tells of the first write after it was armed, and gives each write a
// hundredth of its time.
type written struct {
	net.Conn
	armed atomic.Bool
	begun chan struct{}
}

func (w *written) Write(p []byte) (int, error) {
	if w.armed.CompareAndSwap(true, false) {
		close(w.begun)
	}
	return w.Conn.Write(p)
}

func (w *written) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() {
		t = time.Now().Add(time.Until(t) / 100)
	}
	return w.Conn.SetWriteDeadline(t)
}
