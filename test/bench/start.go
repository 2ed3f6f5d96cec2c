package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// startRounds is how often each program is started.
const startRounds = 400

const (
	path = "PATH=/bin:/usr/bin"
	// oneProcessor is in the environment of both programs in a service: the run
	// script sets it for vodmr, and vodmr for the programs that it starts. An empty
	// Go program starts faster with it too, so both cases are measured.
	oneProcessor = "GOMAXPROCS=1"
)

// A starter is a program that is started and ends by itself.
type starter struct {
	row, what string
	argv      []string
	env       []string
	wall, cpu []float64 // milliseconds
}

// runStart measures whole lives: a program starts with an empty standard input, does
// everything that precedes the customer's first command, including greeting and log,
// reads the end of input, and exits. The programs take turns.
func runStart(b *bench, r row) ([]result, error) {
	home, err := b.home()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	list := []*starter{
		{row: "start-empty", what: "an empty Go program", argv: []string{"empty"}, env: []string{path}},
		{row: "start-empty-one", what: "the same with GOMAXPROCS=1", argv: []string{"empty"}, env: []string{path, oneProcessor}},
		{row: "start-vodmr", what: "greets, meets the end of input",
			argv: []string{"vodmr", "mail.provider.example", "true"}, env: []string{path, oneProcessor}},
		{row: "start-vodmr-relay", what: "says 235, meets the end of input",
			argv: []string{"vodmr-relay", "-q", b.qmail, "Maildir"}, env: relayEnvironment(home)},
		{row: "start-vodmr-bare", what: "vodmr without GOMAXPROCS=1",
			argv: []string{"vodmr", "mail.provider.example", "true"}, env: []string{path}},
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	for range startRounds {
		for _, s := range list {
			if err := s.once(b.bin, null); err != nil {
				return nil, err
			}
		}
	}
	return compareStarts(list), nil
}

// once starts the program and waits for its end.
func (s *starter) once(bin string, null *os.File) error {
	attr := &os.ProcAttr{Env: s.env, Files: []*os.File{null, null, null, null}}
	began := time.Now()
	p, err := os.StartProcess(filepath.Join(bin, s.argv[0]), s.argv, attr)
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err != nil {
		return err
	}
	s.wall = append(s.wall, milliseconds(time.Since(began)))
	s.cpu = append(s.cpu, milliseconds(state.UserTime()+state.SystemTime()))
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Errorf("%s: %s", s.argv[0], state)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// compareStarts takes medians. All are compared with the first of the list; the note
// also has the ratio to the empty program in the same environment.
func compareStarts(list []*starter) []result {
	var results []result
	empty := list[0]
	for _, s := range list {
		like := empty.inEnvironmentOf(s, list)
		w, c := median(s.wall), median(s.cpu)
		one := result{row: s.row, mode: "-", wall: w, cpu: c / 1000, ratio: w / median(empty.wall)}
		one.note = fmt.Sprintf("%.2f ms (%.2f x, in the same environment %.2f x), cpu %.2f ms (%.2f x, %.2f x): %s",
			w, one.ratio, w/median(like.wall), c, c/median(empty.cpu), c/median(like.cpu), s.what)
		results = append(results, one)
	}
	return results
}

// inEnvironmentOf finds the starter of the same program that has GOMAXPROCS=1 if the
// other has it, and lacks it if the other does.
func (s *starter) inEnvironmentOf(other *starter, list []*starter) *starter {
	one := slices.Contains(other.env, oneProcessor)
	i := slices.IndexFunc(list, func(each *starter) bool {
		return each.argv[0] == s.argv[0] && slices.Contains(each.env, oneProcessor) == one
	})
	return list[i]
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
