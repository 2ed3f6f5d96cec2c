package fetch

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"vodmr/test/kit/dialogue"
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
