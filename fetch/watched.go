package fetch

import "net"

// watched is the provider's connection, followed by a tracker: what atrn receives itself
// is counted as what it passes on.
type watched struct {
	net.Conn
	track *tracker
}

// follow lets the tracker see all that passes, what was read ahead first.
func follow(provider *Turned, track *tracker) {
	track.commands(provider.early)
	provider.Conn = watched{provider.Conn, track}
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.track.beginBlock()
	w.track.commands(p[:max(n, 0)])
	w.track.endBlock()
	return n, err
}

func (w watched) Write(p []byte) (int, error) {
	w.track.replies(p)
	return w.Conn.Write(p)
}

func (w watched) CloseWrite() error { return closeWrite(w.Conn) }
