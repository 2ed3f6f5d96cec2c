package main

import (
	"bufio"
	"bytes"
	"io"
	"math/rand"
	"net"
	"testing"
	"time"

	"vodmr/test/kit/loopback"
)

// lay puts a link between two connections and returns its outer ends.
func lay(t *testing.T, l *link) (provider, customer *net.TCPConn) {
	t.Helper()
	provider, near, err := loopback.Pair()
	if err != nil {
		t.Fatal(err)
	}
	customer, far, err := loopback.Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(provider, near, customer, far) })
	l.join(near, far)
	return provider, customer
}

// TestLinkKeepsOrder: bytes and the end arrive in order, in both directions.
func TestLinkKeepsOrder(t *testing.T) {
	for _, l := range []*link{{delay: time.Millisecond}, {bandwidth: 200 << 20}} {
		provider, customer := lay(t, l)
		sent := make([]byte, 3<<20)
		rand.New(rand.NewSource(1)).Read(sent)
		for _, way := range [][2]*net.TCPConn{{provider, customer}, {customer, provider}} {
			go func() {
				_, _ = way[0].Write(sent)
				_ = way[0].CloseWrite()
			}()
			got, err := io.ReadAll(way[1])
			if err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("%d bytes of %d arrived, or others: %v", len(got), len(sent), err)
			}
		}
	}
}

// TestLinkCountsTrips: in lock step each exchange costs one round trip; if everything
// is sent at once, it costs none of its own.
func TestLinkCountsTrips(t *testing.T) {
	l := &link{delay: 10 * time.Millisecond}
	provider, customer := lay(t, l)
	in, out := bufio.NewReader(provider), bufio.NewReader(customer)
	for round := int64(1); round <= 5; round++ {
		for range 3 {
			say(t, provider, "command\n")
		}
		for range 3 {
			hear(t, out)
		}
		if got := l.atCustomer.Load(); got != round {
			t.Fatalf("%d round trips were counted, want %d", got, round)
		}
		say(t, customer, "reply\n")
		hear(t, in)
	}
}

// TestLinkDelays: nothing arrives too early.
func TestLinkDelays(t *testing.T) {
	const delay = 30 * time.Millisecond
	provider, customer := lay(t, &link{delay: delay})
	began := time.Now()
	say(t, provider, "greeting\n")
	hear(t, bufio.NewReader(customer))
	if took := time.Since(began); took < delay {
		t.Errorf("it took %v, want at least %v", took, delay)
	}
}

func say(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, r *bufio.Reader) {
	t.Helper()
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
}
