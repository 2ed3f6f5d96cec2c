package lock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"vodmr/test/kit/require"
)

// forget drops this process's locks, as a file server does that restarts: closing any
// descriptor of the file has the same effect.
func forget(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, lockName))
	require.OK(t, err)
	require.OK(t, file.Close())
}

// TestRenew: a lock that was forgotten is taken anew, unless another process has it by now.
func TestRenew(t *testing.T) {
	for name, mark := range map[string]func(l *Lock) error{
		"standing": (*Lock).MarkStanding,
		"ordinary": func(*Lock) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			l, dir := newLock(t, nil)
			require.OK(t, l.Renew()) // which is not held
			require.OK(t, l.Acquire())
			require.OK(t, mark(l))
			require.OK(t, l.Renew())
			forget(t, dir)
			if pid, err := l.Holder(); pid != 0 || err != nil {
				t.Fatalf("it is not forgotten: %d, %v", pid, err)
			}
			require.OK(t, l.Renew())
			if code := tryLock(t, dir); code == 0 {
				t.Error("another process could take it")
			}
			forget(t, dir)
			_, end := holder(t, dir)
			defer end()
			if err := l.Renew(); !errors.Is(err, ErrLost) {
				t.Errorf("another process has it: %v", err)
			}
		})
	}
}

// TestRequestedWithoutAWatch: a standing session hears of another that asks for the mailbox
// by the lock alone, as over a network.
func TestRequestedWithoutAWatch(t *testing.T) {
	l, dir, _ := standing(t)
	if got := l.Requested(); got != 0 {
		t.Fatalf("requested at first: %d", got)
	}
	asker := taker(t, dir, "1m")
	until(t, "it is asked", func() bool { return l.Requested() == TakeOverRequest })
	second := taker(t, dir, "1ms")
	if got := code(second); got != 3 {
		t.Errorf("a second asker, without patience: %d", got)
	}
	if l.EvictionRequested() {
		t.Error("it is taken for an eviction")
	}
	require.OK(t, l.Renew())
	l.Release()
	if got := code(asker); got != 0 {
		t.Errorf("the asker did not get the lock: %d", got)
	}
	require.OK(t, l.Acquire())
	require.OK(t, l.MarkStanding())
	evicter := taker(t, dir, "1m", "LOCK_TEST_EVICT=1")
	until(t, "it is evicted", func() bool { return l.Requested() == EvictionRequest })
	l.Release()
	if got := code(evicter); got != 0 {
		t.Errorf("vodmr-expire did not get the lock: %d", got)
	}
}
