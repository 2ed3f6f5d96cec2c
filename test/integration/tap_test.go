package integration

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A tap is a TCP relay between a customer and a provider that keeps what the
// provider sends, and does something once so many bytes have gone by.
type tap struct {
	addr string
	at   int    // bytes from the provider
	act  func() // called once, between two bytes
	done chan struct{}

	mu   sync.Mutex
	seen []byte
}

// newTap listens for one connection, to be passed on to addr.
func newTap(t testing.TB, addr string, at int, act func()) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{addr: l.Addr().String(), at: at, act: act, done: make(chan struct{})}
	go p.serve(t, l, addr)
	t.Cleanup(func() {
		l.Close()
		<-p.done
	})
	return p
}

func (p *tap) serve(t testing.TB, l net.Listener, addr string) {
	defer close(p.done)
	customer, err := l.Accept()
	l.Close()
	if err != nil {
		return
	}
	defer customer.Close()
	provider, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer provider.Close()
	go func() {
		io.Copy(provider, customer)
		provider.(*net.TCPConn).CloseWrite()
	}()
	p.pass(customer, provider)
}

// pass carries what the provider sends. After the act it passes on what the
// provider had already sent, as a network would.
func (p *tap) pass(customer io.Writer, provider io.Reader) {
	acted := false
	buf := make([]byte, 4096)
	for {
		size := len(buf)
		if left := p.at - p.count(); !acted {
			if left <= 0 {
				acted = true
				p.act()
				continue
			}
			size = min(size, left)
		}
		n, err := provider.Read(buf[:size])
		p.keep(buf[:n])
		if _, werr := customer.Write(buf[:n]); errors.Join(err, werr) != nil {
			return
		}
	}
}

func (p *tap) keep(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, b...)
}

func (p *tap) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

// wait waits for the connection's end and gives what the provider sent.
func (p *tap) wait(t testing.TB) []byte {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(sessionLimit):
		t.Fatal("the connection does not end")
	}
	return p.seen
}
