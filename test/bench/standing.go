package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/loopback"
)

const (
	latencyMessages = 100
	// standingPatience limits the wait for one message.
	standingPatience = time.Minute
)

// standing are the settings of a standing session.
func standing() []string { return []string{"VODMR_IDLE=86400"} }

// runLatency measures the time from link(2) into new until the customer's server has
// the message, in a standing session without a network delay.
func runLatency(b *bench, r row) ([]result, error) {
	home, err := b.home()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	if _, err := makeMaildir(home); err != nil {
		return nil, err
	}
	near, far, err := loopback.Pair()
	if err != nil {
		return nil, err
	}
	p, err := b.startRelay(home, far, standing()...)
	if err != nil {
		near.Close()
		return nil, err
	}
	taken := make(chan time.Time, 1)
	served := make(chan error, 1)
	go func() { served <- runCustomer(near, taken, nil) }()
	times, err := deliverEach(home, taken, served)
	near.Close()
	err = errors.Join(err, p.wait(0))
	if err != nil {
		return nil, err
	}
	slices.Sort(times)
	one := result{row: r.name, mode: "PIPELINING and CHUNKING", messages: len(times), size: 4 << 10, cpu: p.cpu()}
	one.seconds = times[len(times)/2].Seconds()
	one.note = fmt.Sprintf("from link(2) to the customer's 250: median %.1f ms, slowest %.1f ms",
		milliseconds(times[len(times)/2]), milliseconds(times[len(times)-1]))
	return []result{one}, nil
}

// runCustomer is a customer that has logged in, until the provider closes the session.
// Each message is passed to taken, and the provider's EHLO to turned if that is not
// nil.
func runCustomer(conn io.ReadWriter, taken chan<- time.Time, turned func()) error {
	if _, err := loopback.Hear(conn, "235"); err != nil {
		return err
	}
	return turnAs(conn, taken, turned)
}

func turnAs(conn io.ReadWriter, taken chan<- time.Time, turned func()) error {
	return turnWith(conn, &customer.Server{Pipelining: true, Chunking: true, Discard: true,
		Take: func(string, []string, []byte) { taken <- time.Now() }}, turned)
}

// turnWith says ATRN and is the customer's server then.
func turnWith(conn io.ReadWriter, server *customer.Server, turned func()) error {
	if _, err := io.WriteString(conn, "ATRN\r\n"); err != nil {
		return err
	}
	if _, err := loopback.Hear(conn, "250"); err != nil {
		return err
	}
	if turned != nil {
		turned()
	}
	_, err := server.Serve(conn)
	return err
}

// deliverEach delivers one message after the other and waits for each.
func deliverEach(home string, taken <-chan time.Time, served <-chan error) ([]time.Duration, error) {
	m := mail{messages: latencyMessages, copies: 1, size: 4 << 10}
	var times []time.Duration
	for i := range latencyMessages {
		linked, err := m.deliver(home, i)
		if err != nil {
			return nil, err
		}
		select {
		case at := <-taken:
			times = append(times, at.Sub(linked))
		case err := <-served:
			return nil, fmt.Errorf("the session ended: %w", err)
		case <-time.After(standingPatience):
			return nil, fmt.Errorf("message %d did not come within %v", i, standingPatience)
		}
		time.Sleep(20 * time.Millisecond) // until the session is waiting again
	}
	return times, nil
}

// deliver writes a file in tmp, links it into new as vdelivermail does, and returns
// the time.
func (m mail) deliver(home string, file int) (linked time.Time, err error) {
	tmp := filepath.Join(home, "Maildir", "tmp", m.name(file))
	if err := os.WriteFile(tmp, []byte(m.envelope(file)+m.content(file/m.copies)), 0o600); err != nil {
		return linked, err
	}
	linked = time.Now()
	if err := os.Link(tmp, filepath.Join(home, "Maildir", "new", m.name(file))); err != nil {
		return linked, err
	}
	return linked, os.Remove(tmp)
}
