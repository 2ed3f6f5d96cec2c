package door

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/test/kit/require"
)

// TestNoDescriptorLeft: if a connection waits that cannot be accepted, the session is woken once
// a second, and not without end. Then the question is answered.
func TestNoDescriptorLeft(t *testing.T) {
	dir := t.TempDir()
	s, err := Listen(dir, []string{domain}, time.Now)
	require.OK(t, err)
	defer s.Close()
	clock := time.Now()
	s.now = func() time.Time { return clock }
	fd, err := connect(filepath.Join(dir, domain))
	require.OK(t, err)
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte("bob@"+domain+"\n"))
	require.OK(t, err)
	readable := func() bool { return fdio.Readable(time.Now(), s.FDs()...) }
	var limit unix.Rlimit
	require.OK(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	for second := range 3 {
		require.OK(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: limit.Max})) // descriptors below are taken
		woken := 0
		for ; woken < 100 && readable(); woken++ {
			s.Work()
		}
		require.OK(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
		if woken != 1 || !s.NextExpiry().Equal(clock.Add(acceptPause)) {
			t.Errorf("second %d: woken %d times, and next in %v", second, woken, s.NextExpiry().Sub(clock))
		}
		if s.Work(); s.Reopens() || len(s.askers) > 0 {
			t.Errorf("second %d: it does not pause", second)
		}
		clock = s.NextExpiry()
		if !s.Reopens() {
			t.Errorf("second %d: the pause has no end", second)
		}
	}
	if !readable() || s.Reopens() {
		t.Error("it is not listened to after the pause")
	}
	if s.Work(); len(s.Questions(1)) != 1 {
		t.Error("the question is not taken")
	}
}

// TestFewDescriptors: the mail keeps half of them.
func TestFewDescriptors(t *testing.T) {
	var limit unix.Rlimit
	require.OK(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	domains := make([]string, 50)
	for i := range domains {
		domains[i] = fmt.Sprintf("d%d.org", i)
	}
	for limited, want := range map[uint64][2]int{64: {16, 16}, 128: {32, 32}, 300: {50, 100}} {
		require.OK(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limited, Max: limit.Max}))
		s, err := Listen(t.TempDir(), domains, time.Now)
		require.OK(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
		if len(s.FDs()) != want[0] || s.most != want[1] || errors.Is(err, errManyDomains) != (want[0] < len(domains)) {
			t.Errorf("of %d: %d sockets and %d askers, want %v; %v", limited, len(s.FDs()), s.most, want, err)
		}
		s.Close()
	}
}
