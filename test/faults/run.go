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

// A running is a row that is being run: its result so far.
type running struct {
	*faults
	row    row
	mu     sync.Mutex
	result result
	broken error // a trial that could not be made
	shown  int   // failures that were printed
}

// runRow tries the requested points; among is the number of rows that share the time
// of a sample.
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

// one tries the point named by f.point: SERIES:N.
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

// misses is how many points in a row must not strike before a series is taken to have
// ended: the number of waits of a program differs from run to run.
const misses = 2

// every tries all points, several series at a time.
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

// firstGuess is the number of points that a sample assumes at first if the series
// gives none.
const firstGuess = 64

// random tries random points until the time is over and at least one has struck.
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

// A guess is a series, and the number of its points as a sample assumes it.
type guess struct {
	series
	end int
}

// guesses returns a function that tries a random point and reports if there are more.
// Several goroutines may call it.
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
		if g.end = min(g.end, n-1, end); g.end == 0 { // no point of this series strikes
			all = slices.DeleteFunc(all, func(other *guess) bool { return other == g })
		}
		return true
	}
}

// struck reports if any point has struck.
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

// try makes one trial. It reports if the fault happened anywhere; if not, it returns
// how many points the series can have.
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

// shownMax is how many failures of a row are printed with their log.
const shownMax = 5

// add counts a trial if its fault happened, and prints its failures.
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
