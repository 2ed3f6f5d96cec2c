package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vodmr/test/kit/customer"
)

// repeats is how often a short row is measured; the median counts.
const repeats = 3

// runDelayed measures a MODE-RTT-SIZE row.
func runDelayed(b *bench, r row) ([]result, error) {
	d, err := parseDelayed(r.name)
	if err != nil {
		return nil, err
	}
	m := mail{messages: d.messagesFor(), copies: 1, size: d.size}
	if b.messages > 0 {
		m.messages = b.messages
	}
	one, err := b.delayed(m, d)
	one.row = r.name
	return []result{one}, err
}

// delayed measures once if the link has a delay. Without a delay it takes the median
// of several runs, each directly after a run of the floor program, because the load
// of the machine changes from minute to minute.
func (b *bench) delayed(m mail, d delayedRow) (result, error) {
	l := func() *link { return &link{delay: d.rtt / 2, bandwidth: b.bandwidth} }
	if d.rtt > 0 || b.bandwidth > 0 {
		return b.relayed(m, d.mode, l())
	}
	var rates, cpus []float64
	one, err := b.median(repeats, func() (result, error) {
		floor, err := b.floor(m)
		if err != nil {
			return floor, err
		}
		one, err := b.relayed(m, d.mode, l())
		rates = append(rates, one.rate/floor.rate)
		cpus = append(cpus, one.cpu/floor.cpu)
		return one, err
	})
	if err == nil {
		one.floor = median(rates)
		one.note = fmt.Sprintf("cpu %.1f x floor", median(cpus))
	}
	return one, err
}

// runCopies measures equal messages to many recipients.
func runCopies(b *bench, r row) ([]result, error) {
	m := mail{messages: 100, copies: 50, size: 4 << 10}
	name, large := strings.CutSuffix(strings.TrimPrefix(r.name, "copies-"), "-1m")
	if large {
		m = mail{messages: 4, copies: 50, size: 1 << 20}
	}
	mode, _ := modeNamed(name)
	one, err := b.median(repeats, func() (result, error) { return b.relayed(m, mode, &link{}) })
	one.row = r.name
	return []result{one}, err
}

// median repeats a measurement and returns the one with the median time.
func (b *bench) median(times int, measure func() (result, error)) (result, error) {
	var all []result
	for range times {
		one, err := measure()
		if err != nil {
			return one, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(x, y result) int {
		if x.seconds < y.seconds {
			return -1
		}
		return 1
	})
	return all[len(all)/2], nil
}

// relayed fills a fresh Maildir and has it relayed.
func (b *bench) relayed(m mail, mode mode, l *link) (result, error) {
	return b.relayedIn(b.work, b.work, m, mode, l)
}

// relayedIn fills a Maildir in one folder and has it relayed from another, in which the
// first one is seen.
func (b *bench) relayedIn(source, seen string, m mail, mode mode, l *link) (result, error) {
	home, err := os.MkdirTemp(source, "home-")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(home)
	if err := m.fill(home); err != nil {
		return result{}, err
	}
	o, err := b.session(filepath.Join(seen, filepath.Base(home)), mode.server(), l)
	if err != nil {
		return result{}, err
	}
	return newResult(m, mode, l, o), allArrived(home, m, o)
}

// allArrived returns an error if mail is missing, so that the figures are worthless.
func allArrived(home string, m mail, o outcome) error {
	left, err := waiting(home)
	if err != nil {
		return err
	}
	if left > 0 || o.recipients != m.files() {
		return fmt.Errorf("%d of %d arrived, %d still wait", o.recipients, m.files(), left)
	}
	return nil
}

func (m mode) server() customer.Server {
	return customer.Server{Pipelining: m.pipelining, Chunking: m.chunking}
}
