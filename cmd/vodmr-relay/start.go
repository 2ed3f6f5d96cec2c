package main

import (
	"os"
	"time"

	"vodmr/internal/fdio"
	"vodmr/internal/hang"
	"vodmr/internal/logline"
	"vodmr/internal/verdict"
)

// The start looks at HOME and at the site's files, which may be on a file system that hangs.
// Before the verdict vodmr is told then, and behind it the customer. ATRN has a guard of its
// own.

const (
	// startTime is for how long each of these two may wait.
	startTime = 25 * time.Second
	startCall = "look at HOME and the site's files"
	// lateReply is AUTH's, if the password was right and the mailbox then hangs.
	lateReply = "454 4.7.0 the mailbox does not answer, try again later\r\n"
	// troubleReply is AUTH's, if the password was right and there is other trouble before 235.
	troubleReply = "454 4.3.0 local error, try again later\r\n"
)

// guardVerdict guards the steps up to the verdict.
func guardVerdict(log *logline.Logger) *hang.Guard {
	return hang.Watch(startTime, startCall, log, func(*logline.Logger) {
		_ = verdict.Say(verdict.NotTakenOver)
		fdio.Close(verdict.FD())
		fdio.Close(0)
		fdio.Close(1)
		os.Exit(exitTemporary)
	})
}

// guardReply guards the steps from there to the reply to AUTH.
func guardReply(log *logline.Logger) *hang.Guard {
	return hang.Watch(startTime, startCall, log, func(*logline.Logger) {
		_ = fdio.WriteAll(1, []byte(lateReply))
		abort()
	})
}

// endOf ends a guard. If that has spoken, it is about to end this process.
func endOf(g *hang.Guard) {
	if !g.End() {
		select {}
	}
}
