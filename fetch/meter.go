package fetch

import (
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/human"
)

// How often a meter looks whether its line has changed.
const (
	meterTime    = 200 * time.Millisecond
	standingTime = time.Second      // where nothing happens most of the time
	logTime      = 10 * time.Second // in a log
)

// clearLine goes back to the start of a terminal's line and clears it.
const clearLine = "\r\x1b[K"

// A meter shows how a session goes: on a terminal on one line that it rewrites, in a log
// on a line of its own.
type meter struct {
	w        io.Writer
	terminal bool
	every    time.Duration
	line     func() string
}

// startMeter shows a tally until stop is called.
func startMeter(w io.Writer, tally *Tally, terminal bool) (stop func()) {
	every := meterTime
	if !terminal {
		every = logTime
	}
	return meter{w, terminal, every, func() string { return meterLine(tally.Now()) }}.start()
}

// start shows the line until stop is called, which clears it.
func (m meter) start() (stop func()) {
	shown := ""
	ended := during(m.every, func() time.Duration {
		if now := m.line(); now != shown {
			m.write(now)
			shown = now
		}
		return m.every
	})
	return func() {
		ended()
		if shown != "" && m.terminal {
			io.WriteString(m.w, clearLine)
		}
	}
}

func (m meter) write(line string) {
	if m.terminal {
		io.WriteString(m.w, "\r"+line+"\x1b[K")
	} else {
		say(m.w, "%s", line)
	}
}

// meterLine is the line of a session that is to end.
func meterLine(c Counts) string {
	if !c.Turned() {
		return "asking the provider"
	}
	return progress(c, time.Since(c.Since))
}

// progress tells what came in some time, and how long the rest will take if the provider
// counted it.
func progress(c Counts, took time.Duration) string {
	text := counted(c, c.waiting)
	if took < time.Second || c.Received == 0 {
		return text
	}
	text += fmt.Sprintf(", %s/s", human.MB(int64(float64(c.Received)/took.Seconds())))
	if part := fraction(c); 0 < part && part < 1 {
		text += fmt.Sprintf(", %s left", human.Clock(int64(took.Seconds()*(1-part)/part)))
	}
	return text
}

// fraction is how much of the provider's count is done; 0 if nothing is known. Bytes tell it
// better than messages, unless some of them never come: those of refused messages, and of
// copies that came with another.
func fraction(c Counts) float64 {
	switch {
	case c.waiting.bytes > 0 && c.Refused == 0 && c.Copies == c.Messages:
		return float64(c.Received) / float64(c.waiting.bytes)
	case c.waiting.messages > 0:
		return float64(c.Copies+c.Refused) / float64(c.waiting.messages)
	}
	return 0
}

// counted tells what came so far, of what the provider counted unless it is more by now.
func counted(c Counts, of count) string {
	messages, size := fmt.Sprint(c.Messages), human.MB(c.Received)
	if of.messages > 0 && of.messages >= c.Copies {
		messages = fmt.Sprintf("%d of %d", c.Copies, of.messages)
	}
	if of.bytes > 0 && of.bytes >= c.Received {
		size = fmt.Sprintf("%s of %s", strings.TrimSuffix(size, " MB"), human.MB(of.bytes))
	}
	text := fmt.Sprintf("%s messages, %s", messages, size)
	if c.Refused > 0 {
		text += fmt.Sprintf(", refused %d", c.Refused)
	}
	return text
}

// IsTerminal reports if a descriptor is a terminal.
func IsTerminal(fd int) bool {
	_, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	return err == nil
}
