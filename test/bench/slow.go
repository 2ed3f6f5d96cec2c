package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"vodmr/test/kit/overlay"
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
	source, seen := filepath.Join(b.work, "slow-source"), filepath.Join(b.work, "slow")
	for _, dir := range []string{source, seen} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o777); err != nil { // whatever the umask is
			return err
		}
	}
	cmd := exec.Command(filepath.Join(b.bin, "mount"), "-e", "-delay", slowDelay.String(), "-cache", slowCache.String(), source, seen)
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	b.unmount = func() { input.Close(); _ = cmd.Wait() } // it may be another user's by then
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		b.unmount()
		b.unmount = nil
		return fmt.Errorf("%s does not mount a file system: %q, %w", cmd.Path, line, err)
	}
	return nil
}

// runSlow measures a session over the slow file system, and on the local disk.
func runSlow(b *bench, r row) ([]result, error) {
	if b.unmount == nil {
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
		slow, err := b.relayedIn(filepath.Join(b.work, "slow-source"), filepath.Join(b.work, "slow"), m, mode, &link{})
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
