package fetch

import (
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/human"
)

// How often a Meter looks whether its line has changed.
const (
	meterTime    = 200 * time.Millisecond
	standingTime = time.Second      // where nothing happens most of the time
	logTime      = 10 * time.Second // in a log
)

// clearLine goes back to the start of a terminal's line and clears it.
const clearLine = "\r\x1b[K"

// A Meter shows how a session goes: on a terminal on one line that it rewrites, in a log
// on a line of its own.
type Meter struct {
	terminal bool
	done     chan struct{}
	wait     sync.WaitGroup
}

// StartMeter starts showing a tally.
func StartMeter(w io.Writer, tally *Tally, terminal bool) *Meter {
	every := meterTime
	if !terminal {
		every = logTime
	}
	return startMeter(w, tally, terminal, every, meterLine)
}

func startMeter(w io.Writer, tally *Tally, terminal bool, every time.Duration, line func(*Tally) string) *Meter {
	m := &Meter{terminal: terminal, done: make(chan struct{})}
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
			if shown != "" && m.terminal {
				io.WriteString(w, clearLine)
			}
			return
		case <-tick.C:
			if now := line(); now != shown {
				m.write(w, now)
				shown = now
			}
		}
	}
}

func (m *Meter) write(w io.Writer, line string) {
	if m.terminal {
		io.WriteString(w, "\r"+line+"\x1b[K")
	} else {
		say(w, "%s", line)
	}
}

// meterLine is the line of a session that is to end.
func meterLine(t *Tally) string {
	if !t.Turned() {
		return "asking the provider"
	}
	return progress(t, time.Since(t.Since()))
}

// progress tells what came in some time, and how long the rest will take if the provider
// counted its messages.
func progress(t *Tally, took time.Duration) string {
	refused, _ := t.Refused()
	done := t.Messages() + refused
	text := counted(t)
	if took < time.Second || t.Received() == 0 {
		return text
	}
	text += fmt.Sprintf(", %s/s", human.MB(int64(float64(t.Received())/took.Seconds())))
	if left := t.Waiting() - done; left > 0 && done > 0 {
		text += fmt.Sprintf(", %s left", human.Clock(int64(took.Seconds()*float64(left)/float64(done))))
	}
	return text
}

// counted tells what came so far.
func counted(t *Tally) string {
	text := fmt.Sprintf("%d messages, %s", t.Messages(), human.MB(t.Received()))
	if t.Waiting() > 0 {
		text = fmt.Sprintf("%d of %d messages, %s", t.Messages(), t.Waiting(), human.MB(t.Received()))
	}
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
