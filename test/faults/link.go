package main

import (
	"net"
	"sync/atomic"
	"time"

	"vodmr/test/kit/loopback"
)

// A link is the line between provider and customer, on which something happens
// behind the nth byte one way.
type link struct {
	what       string // cut, reset, stall or trickle
	toProvider bool   // the way whose bytes are counted; else to the customer
	n          int
	turned     func() bool // whether the roles have turned

	struck atomic.Bool
}

// lay puts the link before the provider's end and gives the customer's.
func (l *link) lay(provider net.Conn) net.Conn {
	inner, outer, err := loopback.Pair()
	if err != nil {
		provider.Close()
		return provider
	}
	l.join(inner, provider.(*net.TCPConn))
	return outer
}

// behind puts the link behind the customer's end and gives the provider's.
func (l *link) behind(customer *net.TCPConn) (*net.TCPConn, error) {
	inner, outer, err := loopback.Pair()
	if err != nil {
		return nil, err
	}
	l.join(customer, inner)
	return outer, nil
}

func (l *link) join(customer, provider *net.TCPConn) {
	go l.carry(customer, provider, !l.toProvider)
	go l.carry(provider, customer, l.toProvider)
}

// carry moves bytes one way until their end, or the nth where that is counted.
func (l *link) carry(dst, src *net.TCPConn, counted bool) {
	buf := make([]byte, 32<<10)
	for left := l.n; ; {
		n, err := src.Read(buf)
		if counted && l.what != "trickle" && n >= left {
			_, _ = dst.Write(buf[:left])
			l.strike(dst, src)
			return
		}
		left -= n
		l.write(dst, buf[:n])
		if err != nil {
			_ = dst.CloseWrite()
			return
		}
	}
}

// write passes bytes on, each in a packet of its own where they trickle.
func (l *link) write(dst *net.TCPConn, p []byte) {
	if l.what != "trickle" {
		_, _ = dst.Write(p)
		return
	}
	l.struck.Store(true)
	for i := range p {
		_, _ = dst.Write(p[i : i+1])
	}
}

// strike does what is to be done behind the nth byte.
func (l *link) strike(dst, src *net.TCPConn) {
	l.struck.Store(true)
	switch l.what {
	case "stall":
		l.stall(dst, src)
	case "reset":
		_ = src.SetLinger(0)
		_ = dst.SetLinger(0)
	}
	src.Close()
	dst.Close()
}

// unturnedMax is how long a customer waits that nothing answers before the
// turn: the provider waits for much longer.
const unturnedMax = 2 * time.Second

// stall passes nothing on any more, until the provider has had enough. Where
// its own end is not seen here, since nothing is read from it, the other way's
// end will close both.
func (l *link) stall(dst, src *net.TCPConn) {
	buf := make([]byte, 32<<10)
	if !l.turned() {
		_ = src.SetReadDeadline(time.Now().Add(unturnedMax))
	}
	for {
		if _, err := src.Read(buf); err != nil {
			return
		}
	}
}
