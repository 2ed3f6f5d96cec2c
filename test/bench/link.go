package main

import (
	"net"
	"sync/atomic"
	"time"
)

// A link connects provider and customer: each byte arrives delay after it was sent,
// in order. The throughput is unlimited unless bandwidth, in bytes a second each way,
// is set. TCP's own slow start and loss are not simulated.
//
// It also counts round trips by cause and effect, not by the clock: a byte that the
// customer sends belongs to the same trip as the last byte that it received; a byte
// that the provider sends belongs to the trip after that.
type link struct {
	delay     time.Duration
	bandwidth int64

	atCustomer atomic.Int64 // trip of the last byte that arrived there
	atProvider atomic.Int64
}

// A segment is a piece of data in transit.
type segment struct {
	data      []byte
	arrival   time.Time
	roundTrip int64
}

// segmentsMax and segmentSize limit the data in transit: 256 MiB each way, more than
// any sender has in flight here.
const (
	segmentsMax = 4096
	segmentSize = 64 << 10
)

// join carries bytes between the two ends until both have closed.
func (l *link) join(provider, customer net.Conn) {
	go l.carry(customer, provider, &l.atProvider, &l.atCustomer, 1)
	go l.carry(provider, customer, &l.atCustomer, &l.atProvider, 0)
}

// carry moves bytes in one direction. They belong to the sender's trip, or to a later
// one.
func (l *link) carry(dst, src net.Conn, from, to *atomic.Int64, later int64) {
	under := make(chan segment, segmentsMax)
	go l.deliver(dst, under, to)
	defer close(under)
	free := time.Now() // when the link can take the next byte
	buf := make([]byte, segmentSize)
	for {
		n, err := src.Read(buf)
		now := time.Now()
		if now.After(free) {
			free = now
		}
		if l.bandwidth > 0 {
			free = free.Add(time.Duration(n) * time.Second / time.Duration(l.bandwidth))
		}
		p := segment{arrival: free.Add(l.delay), roundTrip: from.Load() + later}
		if n > 0 {
			p.data = append([]byte(nil), buf[:n]...)
		}
		under <- p
		if err != nil {
			return
		}
	}
}

// deliver passes segments on at the time of their arrival. The end of the stream is a
// segment too.
func (l *link) deliver(dst net.Conn, under <-chan segment, at *atomic.Int64) {
	for p := range under {
		time.Sleep(time.Until(p.arrival))
		if len(p.data) == 0 {
			continue
		}
		at.Store(p.roundTrip)
		if _, err := dst.Write(p.data); err != nil {
			break
		}
	}
	if half, ok := dst.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	for range under {
	}
}
