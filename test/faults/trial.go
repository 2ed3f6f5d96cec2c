package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
)

// A trial is one attempt at a point. Its random numbers come from a source of its
// own, so the point can be repeated alone.
type trial struct {
	*faults
	row, series string
	n           int
	dir         string // a folder of its own
	random      *rand.Rand

	fired  bool // the fault happened, perhaps only in a child that does not count
	struck bool // it happened in the program under test: the point counts
	resent int  // messages that arrived or bounced more than once
	bound  int  // how many may
	lost   int
	wrong  []string // things that must not happen
	broken error    // the trial could not be made

	mu  sync.Mutex // protects wrong and log: there may be several sessions at once
	log strings.Builder
}

func (f *faults) newTrial(row, series string, n int) (*trial, error) {
	dir, err := os.MkdirTemp(f.work, "trial-")
	if err != nil {
		return nil, err
	}
	t := &trial{faults: f, row: row, series: series, n: n, dir: dir}
	t.random = rand.New(rand.NewPCG(f.seed, hash(row+" "+t.name())))
	return t, nil
}

// name is the name of the point.
func (t *trial) name() string { return fmt.Sprintf("%s:%d", t.series, t.n) }

// fail records something that must not happen.
func (t *trial) fail(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
}

// logf adds to the text that is printed if the trial fails.
func (t *trial) logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(&t.log, format+"\n", args...)
}

// checkForms fails if a line of a log does not have a form that vodmr-log(5) gives.
func (t *trial) checkForms(log string) {
	for _, err := range t.forms.CheckLog(log) {
		t.fail("a line of the log: %v", err)
	}
}

func hash(text string) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(text))
	return sum.Sum64()
}
