package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
)

// A trial is one point being tried. What it may do at random comes from its own
// source, so that the point can be repeated alone.
type trial struct {
	*faults
	row, series string
	n           int
	dir         string // its own
	random      *rand.Rand

	fired  bool // the fault happened, if only in a child that does not count
	struck bool // it happened where it should: the point counts
	resent int  // messages that arrived, or bounced, more than once: how often
	bound  int  // the most that may
	lost   int
	wrong  []string // what must not be
	broken error    // the trial itself could not be made

	mu  sync.Mutex // wrong and log: sessions may be many at once
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

// name is the point's own.
func (t *trial) name() string { return fmt.Sprintf("%s:%d", t.series, t.n) }

// fail notes what must not be.
func (t *trial) fail(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
}

// logf adds to what is printed where the trial fails.
func (t *trial) logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(&t.log, format+"\n", args...)
}

// checkForms fails where a line of a log is not as vodmr-log(5) says.
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
