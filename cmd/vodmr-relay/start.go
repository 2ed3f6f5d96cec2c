package main

import (
	"os"
	"sync"
	"time"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/internal/verdict"
)

// startTime is how long the start may wait for the file systems of HOME and of the site's
// files, up to the reply to AUTH. ATRN has a limit of its own.
const startTime = 25 * time.Second

// lateReply is AUTH's, if the password was right and the mailbox then hangs.
const lateReply = "454 4.7.0 the mailbox does not answer, try again later\r\n"

// A startGuard answers the login if a file system hangs: then the main thread waits for a call
// that no signal ends. One of the two answers, never both.
type startGuard struct {
	log   *logline.Logger // its own
	begun time.Time
	timer *time.Timer

	mu       sync.Mutex
	ready    bool // the session can begin
	loggedIn bool // vodmr was told so, and the connection is ours
}

func guardStart(log *logline.Logger) *startGuard {
	g := &startGuard{log: log.Clone(), begun: time.Now()}
	g.timer = time.AfterFunc(startTime, g.giveUp)
	return g
}

// logIn tells vodmr that this process takes the connection over.
func (g *startGuard) logIn() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.loggedIn = true
	return verdict.Say(verdict.LoggedIn)
}

// end is called when the session can begin.
func (g *startGuard) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ready = true
	g.timer.Stop()
}

// giveUp ends this process, and the connection if it is ours.
func (g *startGuard) giveUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ready {
		return
	}
	g.log.Event("error", logline.F("call", "look at HOME and the site's files"),
		logline.F("reason", "the file system does not answer"), logline.N("seconds", int64(time.Since(g.begun).Seconds())))
	if g.loggedIn {
		_ = fdio.WriteAll(1, []byte(lateReply))
		abort()
	}
	_ = verdict.Say(verdict.NotTakenOver)
	fdio.Close(verdict.FD())
	fdio.Close(0)
	fdio.Close(1)
	os.Exit(exitTemporary)
}
