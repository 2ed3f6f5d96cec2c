// Package hang owns what a program does about a file system that does not answer. A thread
// that waits for one cannot be ended by a signal, so another has to speak in its place.
package hang

import (
	"sync/atomic"
	"time"

	"vodmr/internal/logline"
)

// Long is after how long a call that has not returned, or just did, is logged.
const Long = 5 * time.Second

// Reasons of Log.
const (
	Hangs  = "the file system does not answer"
	Hung   = "the file system did not answer"
	GoesOn = "the file system answers again"
)

// Log logs about a call that waits for a file system, or did, for so long.
func Log(log *logline.Logger, call, reason string, took time.Duration) {
	log.Event("error", logline.F("call", call), logline.F("reason", reason), logline.N("seconds", int64(took.Seconds())))
}

// A Guard speaks in place of a thread that hangs. One of the two speaks, never both. A nil
// Guard never speaks.
type Guard struct {
	log    *logline.Logger // its own
	giveUp func(log *logline.Logger)
	spoken atomic.Bool // by either
	call   atomic.Pointer[call]
	timer  *time.Timer
	until  time.Time // when the timer fires
}

// A call is what the guarded thread does.
type call struct {
	name  string
	begun time.Time
}

// Watch begins to guard the calling thread. If End is not called in time, the call is logged,
// and giveUp is called in another thread, with a log of its own. It must end the process,
// and touch nothing that the guarded thread may be using.
func Watch(limit time.Duration, name string, log *logline.Logger, giveUp func(log *logline.Logger)) *Guard {
	g := &Guard{log: log.Clone(), giveUp: giveUp, until: time.Now().Add(limit)}
	g.call.Store(&call{name, time.Now()})
	g.timer = time.AfterFunc(limit, g.fire)
	return g
}

// Next names the next call. All calls together have the limit, and this one its patience on
// top.
func (g *Guard) Next(name string, patience time.Duration) {
	if g == nil {
		return
	}
	g.call.Store(&call{name, time.Now()})
	if patience > 0 {
		g.until = g.until.Add(patience)
		g.timer.Reset(time.Until(g.until))
	}
}

// End says that the guarded thread is done, and reports if it is the one that speaks. If not,
// this process is about to end.
func (g *Guard) End() bool {
	if g == nil {
		return true
	}
	g.timer.Stop()
	return !g.spoken.Swap(true)
}

func (g *Guard) fire() {
	if g.spoken.Swap(true) {
		return
	}
	c := *g.call.Load()
	Log(g.log, c.name, Hangs, time.Since(c.begun))
	g.giveUp(g.log)
}
