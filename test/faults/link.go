package main

import (
	"net"
	"sync/atomic"
	"time"

	"vodmr/test/kit/loopback"
)

// A link is the line between provider and customer. Something happens on it after the
// nth byte in one direction.
type link struct {
	what       string // cut, reset, stall or trickle
	toProvider bool   // direction that is counted: to the provider, otherwise to the customer
	n          int
	turned     func() bool // reports if the roles have turned

	struck atomic.Bool
}

// lay inserts the link before the provider's end and returns the customer's end.
func (l *link) lay(provider net.Conn) net.Conn {
	inner, outer, err := loopback.Pair()
	if err != nil {
		provider.Close()
		return provider
	}
	l.join(inner, provider.(*net.TCPConn))
	return outer
}

// behind inserts the link behind the customer's end and returns the provider's end.
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

// carry moves bytes in one direction until they end or, if this direction is counted,
// until the nth.
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

// write passes bytes on; if they are to trickle, each gets a packet of its own.
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

// strike causes the fault after the nth byte.
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

// unturnedMax is how long the customer waits without an answer before the turn: the
// provider would wait much longer.
const unturnedMax = 2 * time.Second

// stall passes on nothing more until the provider gives up. Nothing is read from the
// provider any more, so its end may go unnoticed here; the end of the other direction
// then closes both.
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
