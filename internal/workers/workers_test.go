package workers_test

import (
	"sync"
	"testing"
	"time"

	"vodmr/internal/workers"
)

// TestPool holds that jobs are done at once in as many threads as the Pool may have and no
// more, and that it can be used again after Close.
func TestPool(t *testing.T) {
	const threads, jobs = 4, 12
	p := workers.New(threads, jobs)
	for range 2 {
		started, goOn := make(chan struct{}, jobs), make(chan struct{})
		var all sync.WaitGroup
		for range jobs {
			all.Add(1)
			p.Run(func() {
				defer all.Done()
				started <- struct{}{}
				<-goOn
			})
		}
		for range threads {
			<-started
		}
		select {
		case <-started:
			t.Errorf("more than %d jobs were done at once", threads)
		case <-time.After(20 * time.Millisecond):
		}
		close(goOn)
		all.Wait()
		p.Close()
	}
}
