package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const idleSessions = 50

// runIdle measures the memory of sessions that have logged in and wait before ATRN. A
// shared page is counted once, divided among its processes.
func runIdle(b *bench, r row) ([]result, error) {
	home, err := b.home()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	if _, err := makeMaildir(home); err != nil {
		return nil, err
	}
	provider, err := b.startProvider(home)
	if err != nil {
		return nil, err
	}
	defer provider.end()
	for range idleSessions {
		conn, err := logIn(provider.address)
		if err != nil {
			return nil, errors.Join(err, errors.New(provider.log.String()))
		}
		defer conn.Close()
	}
	time.Sleep(time.Second) // until all of them are waiting
	// vodmr-relay may have a second process beside it, which would start qmail-queue.
	front, err1 := b.watcher.of(filepath.Join(b.bin, "vodmr"))
	relay, err2 := b.watcher.of(filepath.Join(b.bin, "vodmr-relay"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if len(front) != 0 || len(relay) != idleSessions && len(relay) != 2*idleSessions {
		return nil, fmt.Errorf("skipped: /proc shows %d processes of vodmr and %d of vodmr-relay, not 0 and %d", len(front), len(relay), idleSessions)
	}
	one := result{row: r.name, mode: "-", pss: float64(sums(relay).kib) / idleSessions}
	one.note = fmt.Sprintf("PSS a session %.0f KiB; behind %s", one.pss, provider.name)
	return []result{one}, nil
}
