package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vodmr/test/kit/overlay"
	"vodmr/test/kit/slowfs"
)

const (
	slowRow = "slow-2ms"
	// slowMessages are few enough for a person to wait for them.
	slowMessages = 300
	// slowDelay is what one call takes, and slowCache for how long the kernel believes names
	// and attributes: GlusterFS's own second.
	slowDelay = 2 * time.Millisecond
	slowCache = time.Second
)

// mountSlow mounts a slow file system in the folder of the bench, if one of the rows wants
// it. Only root can; the rows themselves run as another user.
func (b *bench) mountSlow(rows []row) error {
	wanted := slices.ContainsFunc(rows, func(r row) bool { return r.name == slowRow })
	if !wanted || os.Geteuid() != 0 {
		return nil
	}
	process, source, seen, err := slowfs.Open(filepath.Join(b.bin, "mount"), b.work, slowfs.Speed{Delay: slowDelay, Cache: slowCache})
	if err != nil {
		return err
	}
	b.slowSource, b.slow = source, seen
	b.stop = append(b.stop, func() { _ = process.End() })
	return nil
}

// runSlow measures a session over the slow file system, and on the local disk.
func runSlow(b *bench, r row) ([]result, error) {
	if b.slow == "" {
		return nil, fmt.Errorf("%w: only root can mount a file system", overlay.ErrMissing)
	}
	m := mail{messages: slowMessages, copies: 1, size: 4 << 10}
	mode, _ := modeNamed("chunking")
	var rates []float64
	one, err := b.median(repeats, func() (result, error) {
		local, err := b.relayed(m, mode, &link{})
		if err != nil {
			return local, err
		}
		slow, err := b.relayedIn(b.slowSource, b.slow, m, mode, &link{})
		rates = append(rates, local.rate/slow.rate)
		return slow, err
	})
	if err != nil {
		return nil, err
	}
	one.row, one.ratio = r.name, median(rates)
	one.note = fmt.Sprintf("%.1f times as long as on the local disk", one.ratio)
	return []result{one}, nil
}
