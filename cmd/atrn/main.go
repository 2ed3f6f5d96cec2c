// Atrn fetches mail from an On-Demand Mail Relay provider (RFC 2645): it logs
// in, says ATRN, and hands the turned connection to a program, to an SMTP
// server, or to a Maildir. See atrn(1).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"vodmr/fetch"
	"vodmr/internal/version"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code.
func run(args []string) int {
	if text := version.Answer("atrn", usage, args); text != "" {
		fmt.Print(text)
		return fetch.ExitFetched
	}
	outliveStderr()
	o, err := parseOptions(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
		return fetch.ExitFetched
	case errors.Is(err, errUsage):
		fetch.Warn(os.Stderr, err)
		fmt.Fprint(os.Stderr, usage)
		return fetch.ExitMisuse
	case err != nil:
		fetch.Warn(os.Stderr, err)
		return fetch.ExitCode(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	switch {
	case o.every > 0:
		repeat(ctx, o)
	case o.again:
		stand(ctx, o)
	default:
		return fetch.ExitCode(visit(ctx, o).Err)
	}
	return fetch.ExitFetched
}

// outliveStderr turns a write to a closed standard error into a plain error: its
// SIGPIPE would end the program amid a session. The programs that it runs get
// the signal's usual meaning.
func outliveStderr() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// visit makes one session and reports it.
func visit(ctx context.Context, o *options) fetch.Visit {
	tally := &fetch.Tally{}
	var meter *fetch.Meter
	if fetch.IsTerminal(2) {
		meter = fetch.StartMeter(os.Stderr, tally)
	}
	err := o.session.Run(ctx, tally)
	if meter != nil {
		meter.Stop()
	}
	fetch.Report(os.Stderr, o.session.Provider, tally, err)
	return fetch.VisitOf(tally, err)
}

// repeat makes a session now and then until a signal comes.
func repeat(ctx context.Context, o *options) {
	session := func(ctx context.Context) fetch.Visit { return visit(ctx, o) }
	forEver(ctx, fetch.NewEvery(o.every), session)
}

// stand has a session all the time until a signal comes.
func stand(ctx context.Context, o *options) {
	s := &fetch.Stand{Session: o.session, Log: os.Stderr, Terminal: fetch.IsTerminal(2)}
	forEver(ctx, &fetch.Standing{}, s.Visit)
}

func forEver(ctx context.Context, pace fetch.Pace, session func(context.Context) fetch.Visit) {
	r := fetch.Repeat{
		Pace:    pace,
		Session: session,
		Random:  rand.Float64,
		Waiting: func(wait time.Duration) {
			if wait < fetch.AtOnce {
				return // it is over before this is read
			}
			fmt.Fprintf(os.Stderr, "atrn: next try in %v\n", wait.Round(time.Second))
		},
		Sleep: fetch.Sleep,
	}
	r.Run(ctx)
}
