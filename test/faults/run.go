package main

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A running is a row under way: its result so far.
type running struct {
	*faults
	row    row
	mu     sync.Mutex
	result result
	broken error // a trial that could not be made
	shown  int   // failures that were printed
}

// runRow tries the points that were asked for; among is how many rows share the
// time of a sample.
func (f *faults) runRow(r row, among int) (result, error) {
	if r.injects && !canInject() {
		return result{}, errors.New("it needs Linux on amd64")
	}
	run := &running{faults: f, row: r, result: result{row: r.name, kind: r.about, seed: f.seed}}
	began := time.Now()
	switch {
	case f.point != "":
		run.one(r.series())
	case f.sample > 0:
		run.result.kind += aPart
		run.random(r.series(), began.Add(f.sample/time.Duration(among)))
	default:
		run.every(r.series())
	}
	run.result.seconds = time.Since(began).Seconds()
	if run.broken == nil && run.result.points == 0 {
		run.broken = errors.New("no point was tried")
	}
	return run.result, run.broken
}

// one tries the point that f.point names: SERIES:N.
func (run *running) one(list []series) {
	name, number, _ := cutLast(run.point, ":")
	n, err := strconv.Atoi(number)
	for _, s := range list {
		if s.name == name && err == nil {
			run.try(s, n)
			return
		}
	}
	run.broken = fmt.Errorf("there is no point %q", run.point)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// misses is how many points in a row must not strike before a series is at its
// end: how often a program waits differs from time to time.
const misses = 2

// every tries all points, some series at a time.
func (run *running) every(list []series) {
	work := make(chan series)
	var all sync.WaitGroup
	for range run.jobs {
		all.Go(func() {
			for s := range work {
				run.whole(s)
			}
		})
	}
	for _, s := range list {
		work <- s
	}
	close(work)
	all.Wait()
}

// whole tries a series from its first point to its last.
func (run *running) whole(s series) {
	missed := 0
	for n := 1; (s.last == 0 || n <= s.last) && missed < misses && !run.stopped(); n++ {
		if fired, _ := run.try(s, n); fired || s.last > 0 {
			missed = 0
		} else {
			missed++
		}
	}
}

// firstGuess is the last point that a sample believes in at first, where a
// series knows nothing about it.
const firstGuess = 64

// random tries random points until the time is over, and at least one that strikes.
func (run *running) random(list []series, until time.Time) {
	pick := run.guesses(list)
	var all sync.WaitGroup
	for range run.jobs {
		all.Go(func() {
			for (time.Now().Before(until) || !run.struck()) && !run.stopped() && pick() {
			}
		})
	}
	all.Wait()
}

// A guess is a series, and where a sample believes it to end.
type guess struct {
	series
	end int
}

// guesses gives what tries a random point, some at a time, and says whether there
// are more.
func (run *running) guesses(list []series) func() bool {
	random := rand.New(rand.NewPCG(run.seed, hash(run.row.name)))
	var all []*guess
	for _, s := range list {
		if !s.slow {
			all = append(all, &guess{s, cmp.Or(s.last, s.guess, firstGuess)})
		}
	}
	var mu sync.Mutex
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		if len(all) == 0 {
			return false
		}
		g := all[random.IntN(len(all))]
		n := 1 + random.IntN(g.end)
		mu.Unlock()
		fired, end := run.try(g.series, n)
		mu.Lock()
		if fired || g.last > 0 {
			return true
		}
		if g.end = min(g.end, n-1, end); g.end == 0 { // nothing in this series strikes here
			all = slices.DeleteFunc(all, func(other *guess) bool { return other == g })
		}
		return true
	}
}

// struck says whether any point has.
func (run *running) struck() bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.result.points > 0
}

func (run *running) stopped() bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.broken != nil || run.ctx.Err() != nil
}

// try makes one trial, and says whether the fault happened anywhere; if not, how
// many points the series may have at most.
func (run *running) try(s series, n int) (fired bool, end int) {
	t, err := run.newTrial(run.row.name, s.name, n)
	if err != nil {
		run.mu.Lock()
		defer run.mu.Unlock()
		run.broken = err
		return false, 0
	}
	s.try(t)
	if run.ctx.Err() == nil {
		run.add(t)
	}
	end = n
	if calls, known := t.calls(); known {
		end = calls * max(1, s.each)
	}
	os.RemoveAll(t.dir)
	return t.fired, end
}

// shownMax is how many failures of a row are printed whole.
const shownMax = 5

// add counts a trial that struck, and prints what went wrong in any.
func (run *running) add(t *trial) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if t.broken != nil && run.broken == nil {
		run.broken = fmt.Errorf("%s: %w\n%s", t.name(), t.broken, t.log.String())
	}
	r := &run.result
	if t.struck {
		r.points++
		r.resent += t.resent
		r.bound += t.bound
	}
	if len(t.wrong) == 0 {
		if run.point != "" {
			fmt.Println(indent(t.log.String()))
		}
		return
	}
	r.lost += t.lost
	r.wrong++
	fmt.Printf("FAILED %s %s: %s\n", t.row, t.name(), strings.Join(t.wrong, "; "))
	fmt.Printf("  again: scripts/faults -s %d -p %s %s\n", run.seed, t.name(), t.row)
	if run.shown++; run.shown <= shownMax {
		fmt.Println(indent(t.log.String()))
	}
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}
