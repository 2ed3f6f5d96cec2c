// Bench measures how fast vodmr relays, and its costs: see scripts/bench, which
// builds and runs everything. It is not a test: no figure passes or fails.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"vodmr/test/kit/loopback"
	"vodmr/test/kit/overlay"
)

// A bench is one run.
type bench struct {
	bin, work, qmail string // folders: the programs, our own files, qmail's home
	before           string // the programs of an earlier version; "" for none
	messages         int    // of MODE-RTT-SIZE rows; if 0, their usual number
	bandwidth        int64  // of their link
	results          []result
	stop             []func() // ends the processes that are still running
	watcher          *watcher
	slowSource, slow string // the slow file system and what is behind it; empty if there is none
}

func main() {
	if isWatcher() {
		watch(os.Stdin, os.Stdout)
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(111)
	}
}

func run() error {
	b := &bench{}
	flag.StringVar(&b.bin, "bin", "", "the folder of the programs")
	flag.StringVar(&b.before, "before", "", "a folder of earlier programs, for session-453")
	flag.StringVar(&b.work, "work", "", "an empty folder to work in")
	flag.IntVar(&b.messages, "n", 0, "messages of MODE-RTT-SIZE rows")
	flag.Int64Var(&b.bandwidth, "b", 0, "bandwidth of their link in bytes a second each way")
	list := flag.Bool("l", false, "list the rows")
	flag.Parse()
	if *list {
		printRows(os.Stdout)
		return nil
	}
	rows, err := choose(flag.Args())
	if err != nil {
		return err
	}
	go b.endOnSignal()
	printHead(os.Stdout)
	// Only root can start a mail server.
	fronts, others := split(rows)
	failed := b.runRows(fronts)
	b.end()
	if err := b.mountSlow(others); err != nil {
		return err
	}
	defer b.end()
	if b.watcher, err = startWatcher(); err != nil {
		return err
	}
	defer b.watcher.end()
	if err := b.prepare(); err != nil {
		return err
	}
	failed += b.runRows(others)
	b.end()
	printTargets(os.Stdout, b.results)
	if err := b.write(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d rows could not be measured", failed)
	}
	return nil
}

// prepare makes qmail's home, and drops root's rights, because vodmr-relay refuses to
// be root.
func (b *bench) prepare() error {
	b.qmail = filepath.Join(b.work, "qmail")
	control := filepath.Join(b.qmail, "control")
	if err := os.MkdirAll(control, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(control, "me"), []byte("mail.provider.example\n"), 0o644); err != nil {
		return err
	}
	return loopback.DropRoot(b.work)
}

// runRows runs the rows and returns the number of failures. A row that this machine lacks
// a mail server for is none.
func (b *bench) runRows(rows []row) (failed int) {
	for _, r := range rows {
		results, err := r.run(b, r)
		for _, result := range results {
			b.results = append(b.results, result)
			b.relateToFloor(&b.results[len(b.results)-1])
			printResult(os.Stdout, b.results[len(b.results)-1])
		}
		if err != nil {
			if !errors.Is(err, overlay.ErrMissing) {
				failed++
			}
			fmt.Printf("%-24s %v\n", r.name, err)
		}
	}
	return failed
}

// home makes a new home, which the caller removes.
func (b *bench) home() (string, error) { return os.MkdirTemp(b.work, "home-") }

func (b *bench) end() {
	for _, stop := range b.stop {
		stop()
	}
	b.stop = nil
}

func (b *bench) endOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	<-signals
	b.end()
	os.Exit(130)
}
