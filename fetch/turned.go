package fetch

import (
	"net"
	"net/netip"
	"time"
)

// Turned is a connection after ATRN: the provider now sends the commands.
type Turned struct {
	net.Conn
	early   []byte        // came together with the reply to ATRN, or was given back
	silence time.Duration // as Session has it
	waiting count         // that the provider gave
}

// Read returns what was read ahead first.
func (t *Turned) Read(p []byte) (int, error) {
	if len(t.early) == 0 {
		return t.Conn.Read(p)
	}
	n := copy(p, t.early)
	t.early = t.early[n:]
	return n, nil
}

// unread gives bytes back to be read first.
func (t *Turned) unread(p []byte) {
	if len(p) > 0 {
		t.early = append(append([]byte(nil), p...), t.early...)
	}
}

// CloseWrite tells the provider that nothing more comes from here.
func (t *Turned) CloseWrite() error { return closeWrite(t.Conn) }

// closeWrite passes on an end of file if the connection knows such a thing.
func closeWrite(conn net.Conn) error {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// addrPort takes a TCP address apart; both are "" for any other.
func addrPort(a net.Addr) (ip, port string) {
	if a == nil {
		return "", ""
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return "", ""
	}
	addr := ap.Addr().Unmap().WithZone("")
	_, port, _ = net.SplitHostPort(ap.String())
	return addr.String(), port
}
