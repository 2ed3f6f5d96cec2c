package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vodmr/relay/door"
	"vodmr/test/kit/customer"
	"vodmr/test/kit/loopback"
)

const (
	dictionaryWords       = 10000
	dictionaryConnections = 50
)

// runDictionary measures how fast mail flows in a standing session while 50 askers go
// through a dictionary of 10,000 recipients that the customer does not have, and how much
// memory that takes.
func runDictionary(b *bench, r row) ([]result, error) {
	home, err := b.home()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	if _, err := makeMaildir(home); err != nil {
		return nil, err
	}
	folder := filepath.Join(home, "door")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	near, far, err := loopback.Pair()
	if err != nil {
		return nil, err
	}
	p, err := b.startRelay(home, far, append(standing(), "VODMR_DOOR="+folder, "VODMR_ASK=100000")...)
	if err != nil {
		near.Close()
		return nil, err
	}
	taken := make(chan time.Time, 1)
	served := make(chan error, 1)
	go func() { served <- standUnknown(near, taken) }()
	one, err := measureDictionary(home, folder, taken, served)
	one.peak = peak(p.cmd.Process.Pid)
	near.Close()
	if err := errors.Join(err, p.wait(0)); err != nil {
		return nil, err
	}
	one.row, one.mode, one.size, one.cpu = r.name, "PIPELINING and CHUNKING", 4<<10, p.cpu()
	return []result{one}, nil
}

// standUnknown is a customer that knows no recipient whose name begins with word or vodmr.
func standUnknown(near io.ReadWriter, taken chan<- time.Time) error {
	if _, err := loopback.Hear(near, "235"); err != nil {
		return err
	}
	server := &customer.Server{Pipelining: true, Chunking: true, Discard: true,
		Rcpt: func(to string) string {
			if strings.HasPrefix(to, "word") || strings.HasPrefix(to, "vodmr-") {
				return "550 5.1.1 no such user"
			}
			return ""
		},
		Take: func(string, []string, []byte) { taken <- time.Now() }}
	return turnWith(near, server, nil)
}

// measureDictionary delivers messages before and during the questions.
func measureDictionary(home, folder string, taken <-chan time.Time, served <-chan error) (one result, err error) {
	if _, err := deliverEach(home, taken, served); err != nil { // the server is trusted from now on
		return one, err
	}
	start := time.Now()
	refused, wrong, done := 0, 0, make(chan bool)
	go func() {
		refused, wrong = askDictionary(folder)
		close(done)
	}()
	times, err := deliverEach(home, taken, served)
	<-done
	if err != nil {
		return one, err
	}
	if wrong > 0 {
		return one, fmt.Errorf("%d times a recipient that the customer has was refused", wrong)
	}
	slices.Sort(times)
	one.messages, one.seconds = len(times), times[len(times)/2].Seconds()
	one.note = fmt.Sprintf("%d of %d refused in %.1f s; mail meanwhile, from link(2) to the customer's 250: median %.1f ms, slowest %.1f ms",
		refused, dictionaryWords, time.Since(start).Seconds(), milliseconds(times[len(times)/2]), milliseconds(times[len(times)-1]))
	return one, nil
}

// askDictionary asks about many recipients that the customer does not have, and after each ten
// about one that it has. It returns how many were refused of the first, and of the second.
func askDictionary(folder string) (refused, wrong int) {
	var group sync.WaitGroup
	var mu sync.Mutex
	for i := range dictionaryConnections {
		group.Go(func() {
			client := door.NewClient(folder)
			ask := func(name string, word int, count *int) {
				if client.Ask(fmt.Sprintf("%s%d-%d@%s", name, i, word, domain)).Refuse {
					mu.Lock()
					defer mu.Unlock()
					*count++
				}
			}
			for word := range dictionaryWords / dictionaryConnections {
				ask("word", word, &refused)
				if word%10 == 9 {
					ask("known", word, &wrong)
				}
			}
		})
	}
	group.Wait()
	return refused, wrong
}
