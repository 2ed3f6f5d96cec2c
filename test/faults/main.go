// Faults breaks vodmr at every point that it knows and keeps account of the mail: see
// scripts/faults, which builds and runs everything. A row is one kind of fault, a
// series the points of one sort, a trial one point.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"vodmr/test/kit/logformat"
	"vodmr/test/kit/loopback"
)

const (
	exitFailed = 1   // mail was lost, or another promise was broken
	exitMisuse = 100 // there are no such rows or points
	exitBroken = 111 // the fault could not be tried
)

// A faults is one run.
type faults struct {
	ctx       context.Context
	bin, work string // folders: the programs, our own files
	stored    string // results.csv of earlier runs; nothing is stored if it is ""
	forms     logformat.Forms
	seed      uint64
	sample    time.Duration // for all rows together; if 0, every point is tried
	point     string        // only this point is tried
	resume    bool          // rows with a stored result are left out
	jobs      int           // trials at once
	soak      time.Duration // how long the customers of that row call; if 0, the usual time
	slow      string        // where a slow file system is mounted; empty if none is
}

func main() { os.Exit(run()) }

func run() int {
	f := &faults{}
	flag.StringVar(&f.bin, "bin", "", "the folder of the programs")
	flag.StringVar(&f.work, "work", "", "an empty folder to work in")
	flag.StringVar(&f.stored, "stored", "", "the file of results")
	page := flag.String("log", "", "the path of vodmr-log(5), which each line of a log must fit")
	flag.Uint64Var(&f.seed, "s", uint64(time.Now().UnixNano()), "the seed")
	flag.DurationVar(&f.sample, "sample", 0, "try random points for so long")
	flag.StringVar(&f.point, "p", "", "the point to try, alone")
	flag.BoolVar(&f.resume, "c", false, "leave out rows that have a result")
	flag.IntVar(&f.jobs, "j", 2, "trials at once")
	flag.DurationVar(&f.soak, "soak", 0, "how long the soak lasts")
	list := flag.Bool("l", false, "list the rows")
	table := flag.Bool("m", false, "print what is stored as test/faults/README.md has it")
	flag.Parse()
	if *list {
		printRows(os.Stdout)
		return 0
	}
	if *table {
		return f.quote()
	}
	chosen, err := choose(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return exitMisuse
	}
	if f.forms, err = logformat.Read(*page); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return exitBroken
	}
	var stop func()
	f.ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	end, err := f.mountSlow(chosen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return exitBroken
	}
	defer end()
	if err := loopback.DropRoot(f.work); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return exitBroken
	}
	return f.runRows(chosen)
}

// quote prints the stored results as test/faults/README.md shows them.
func (f *faults) quote() int {
	stored, err := readResults(f.stored)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return exitBroken
	}
	stored.quote(os.Stdout)
	return 0
}

// runRows runs the rows, prints the table and returns the exit code.
func (f *faults) runRows(chosen []row) int {
	fmt.Printf("seed %d\n", f.seed)
	stored, err := readResults(f.stored)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return exitBroken
	}
	code := 0
	for _, r := range chosen {
		if f.resume && stored.has(r) {
			continue
		}
		if r.name == slowRow && f.slow == "" {
			leftOut(r, errNoSlow)
			continue
		}
		one, err := f.runRow(r, len(chosen))
		if err != nil {
			fmt.Fprintf(os.Stderr, "faults: %s: %v\n", r.name, err)
			code = exitBroken
			continue
		}
		if f.ctx.Err() != nil {
			return exitBroken // an incomplete row is not a result
		}
		stored.put(one)
		if err := stored.write(f.stored); err != nil {
			fmt.Fprintln(os.Stderr, "faults:", err)
			return exitBroken
		}
		if one.wrong > 0 && code == 0 {
			code = exitFailed
		}
	}
	stored.print(os.Stdout)
	return code
}
