// Atrn fetches mail from an On-Demand Mail Relay provider (RFC 2645): it logs
// in, says ATRN, and hands the turned connection to a program, to an SMTP
// server, or to a Maildir. See atrn(1).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"vodmr/fetch"
	"vodmr/internal/logline"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code.
func run(args []string) int {
	outliveStderr()
	raw, err := parseFlags(args)
	var o *flags
	if err == nil {
		o, err = raw.parse()
	}
	if errors.Is(err, errUsage) {
		return raw.command().Exit(err, fetch.ExitMisuse)
	}
	if err != nil {
		warn(err)
		return fetch.ExitCode(err)
	}
	if o.show != "" {
		fmt.Print(o.show)
		return fetch.ExitFetched
	}
	if err := o.confine(); err != nil {
		warn(fmt.Errorf("cannot give up rights: %w", err))
		return fetch.ExitLater
	}
	return o.fetch()
}

// fetch makes the sessions and returns the exit code.
func (o *flags) fetch() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	r := fetch.Reporter{Session: o.session, Log: stderr(), Terminal: fetch.IsTerminal(2), Verbose: o.verbose}
	r.Session.Listen(r.Log, r.Verbose, r.Terminal)
	switch {
	case o.every > 0:
		r.Repeat(ctx, o.every)
	case o.repeat:
		r.Standing(ctx)
	default:
		return fetch.ExitCode(r.Visit(ctx).Err)
	}
	return fetch.ExitFetched
}

// stderr is where atrn says how it goes. It does not wait for a reader that has stopped.
func stderr() io.Writer { return logline.NewOutput(2, "atrn: ", "") }

// outliveStderr turns a write to a closed standard error into a plain error: its
// SIGPIPE would end the program amid a session. The programs that it runs get
// the signal's usual meaning.
func outliveStderr() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
