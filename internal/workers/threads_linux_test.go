package workers_test

import (
	"os"
	"sync"
	"testing"
	"time"

	"vodmr/internal/workers"
	"vodmr/test/kit/require"
)

// TestThreadsEnd holds that Close leaves none of the threads.
func TestThreadsEnd(t *testing.T) {
	const count = 40
	p := workers.New(count, count)
	var all sync.WaitGroup
	goOn := make(chan struct{})
	before := threads(t)
	for range count {
		all.Add(1)
		p.Run(func() { defer all.Done(); <-goOn })
	}
	for threads(t) < before+count/2 {
		time.Sleep(time.Millisecond) // until they have started
	}
	close(goOn)
	all.Wait()
	p.Close()
	for range 1000 {
		if threads(t) < before+count/4 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d threads before, %d after Close", before, threads(t))
}

func threads(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	require.OK(t, err)
	return len(entries)
}
