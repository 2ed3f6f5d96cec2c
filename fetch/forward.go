package fetch

import (
	"bufio"
	"context"
	"io"
	"net"
	"time"

	"vodmr/internal/fdio"
)

// Forward is a Sink that passes the session on to an SMTP server by TCP.
type Forward struct{ Address Address }

// Open connects to the server, so that nothing is turned where it is down.
func (f Forward) Open(ctx context.Context) (Receiver, error) {
	conn, err := dial(ctx, f.Address, fdio.KeepAlive)
	if err != nil {
		if ctx.Err() != nil {
			return nil, stopped()
		}
		return nil, later(err, "cannot connect to the SMTP server %s", f.Address)
	}
	return &forwarding{conn: conn}, nil
}

type forwarding struct {
	conn net.Conn
	used bool
}

func (f *forwarding) Receive(ctx context.Context, provider *Turned, tally *Tally) error {
	f.used = true
	p := pump{provider: provider, receiver: f.conn, track: newTracker(tally)}
	return p.run(ctx)
}

// Close takes leave of a server that got no session, so that it logs no lost
// connection for each time that nothing waits.
func (f *forwarding) Close() {
	defer f.conn.Close()
	if f.used {
		return
	}
	_ = f.conn.SetDeadline(time.Now().Add(quitTime))
	replies := bufio.NewReader(f.conn)
	if _, err := replies.ReadString('\n'); err != nil {
		return
	}
	if _, err := io.WriteString(f.conn, "QUIT\r\n"); err == nil {
		_, _ = io.Copy(io.Discard, replies)
	}
}
