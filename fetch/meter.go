package fetch

import (
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How often a Meter looks whether its line has changed.
const (
	meterTime    = 200 * time.Millisecond
	standingTime = time.Second // where nothing happens most of the time
)

// A Meter shows on a terminal how a session goes, on one line that it rewrites.
type Meter struct {
	done chan struct{}
	wait sync.WaitGroup
}

// StartMeter starts showing a tally.
func StartMeter(w io.Writer, tally *Tally) *Meter {
	return startMeter(w, tally, meterTime, meterLine)
}

func startMeter(w io.Writer, tally *Tally, every time.Duration, line func(*Tally) string) *Meter {
	m := &Meter{done: make(chan struct{})}
	m.wait.Go(func() { m.run(w, every, func() string { return line(tally) }) })
	return m
}

// Stop clears the line.
func (m *Meter) Stop() {
	close(m.done)
	m.wait.Wait()
}

func (m *Meter) run(w io.Writer, every time.Duration, line func() string) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	shown := ""
	for {
		select {
		case <-m.done:
			if shown != "" {
				io.WriteString(w, "\r\x1b[K")
			}
			return
		case <-tick.C:
			if now := line(); now != shown {
				io.WriteString(w, "\r"+now+"\x1b[K")
				shown = now
			}
		}
	}
}

func meterLine(t *Tally) string {
	if !t.Turned() {
		return "asking the provider"
	}
	text := fmt.Sprintf("%d messages, %d bytes", t.Messages(), t.Received())
	if refused, _ := t.Refused(); refused > 0 {
		text += fmt.Sprintf(", refused %d", refused)
	}
	return text
}

// IsTerminal reports if a descriptor is a terminal.
func IsTerminal(fd int) bool {
	_, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	return err == nil
}
