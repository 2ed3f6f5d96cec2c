package fetch

import (
	"context"
	"io"
	"net"
	"time"

	"vodmr/internal/fdio"
	"vodmr/smtp"
)

// Forward is a Sink that passes the session on to an SMTP server by TCP.
type Forward struct {
	Address Address
	Guard   Guard
}

// Open calls nobody yet: the provider may think about ATRN for longer than the server
// waits for its first command (RFC 2645 section 5.2.1 grants ten minutes, Postfix may
// give ten seconds).
func (f Forward) Open(context.Context) (Receiver, error) { return f, nil }

// Receive calls the server and passes the session on. If the server cannot be had, the
// provider hears 421.
func (f Forward) Receive(ctx context.Context, provider *Turned, tally *Tally) error {
	server, err := dial(ctx, f.Address, fdio.KeepAlive)
	if err != nil {
		dismiss(ctx, provider)
		return later(err, "cannot connect to the SMTP server %s, so the provider keeps the mail", f.Address)
	}
	defer server.Close()
	return newPump(provider, server, f.Guard, tally).run(ctx)
}

// Close has nothing to release.
func (f Forward) Close() {}

// dismiss ends in order a session that nobody receives. The mail stays with the
// provider (RFC 5321 section 3.8). It waits a while for the provider's end, as closing
// at once could cost the provider the reply.
func dismiss(ctx context.Context, provider net.Conn) {
	_ = provider.SetDeadline(time.Now().Add(quitTime))
	bye := smtp.NewReply(421, "4.3.2", "no mail server can be reached here, come back later")
	if _, err := provider.Write(bye.AppendTo(nil)); err != nil {
		return
	}
	_ = closeWrite(provider)
	stop := context.AfterFunc(ctx, func() { _ = provider.SetReadDeadline(time.Now()) })
	defer stop()
	_, _ = io.Copy(io.Discard, onlyReader{provider})
}
