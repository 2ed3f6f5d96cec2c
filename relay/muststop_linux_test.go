package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/require"
)

// TestMustStop: a session that can neither remove nor note what was taken sends no more.
func TestMustStop(t *testing.T) {
	taken, left := withoutNotes(t, func(oldest string) {
		require.OK(t, os.Remove(oldest))
		require.OK(t, os.Mkdir(oldest, 0o700)) // unlink fails
	})
	if taken != 1 || left != 2 { // three were one transaction
		t.Errorf("%d taken and %d left, want 1 and 2", taken, left)
	}
}

// TestGoneNeedNotStop: what somebody else removed in this moment stops nothing.
func TestGoneNeedNotStop(t *testing.T) {
	taken, left := withoutNotes(t, func(oldest string) { require.OK(t, os.Remove(oldest)) })
	if taken != 2 || left != 0 {
		t.Errorf("%d taken and %d left, want 2 and none", taken, left)
	}
}

// TestMustStopByFullNotes: so does one that finds no room in the notes to say that a message,
// which cannot be removed, was taken.
func TestMustStopByFullNotes(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 5)
	var notes strings.Builder
	for i := range 12000 { // as many as there is room for
		fmt.Fprintf(&notes, "1795336700 done %d.other\n", i)
	}
	s.write(t, "maildir/vodmr.notes", notes.String())
	taken := 0
	server := &customer.Server{Take: func(string, []string, []byte) {
		taken++
		oldest := s.maildir + "/new/1795336000.0.vm"
		require.OK(t, os.Remove(oldest))
		require.OK(t, os.Mkdir(oldest, 0o700)) // unlink fails
	}}
	require.OK(t, s.session(t, server))
	if taken != 1 || s.waiting(t) != 2 { // three were one transaction
		t.Errorf("%d taken and %d left, want 1 and 2", taken, s.waiting(t))
	}
	if log := s.log(t); !strings.Contains(log, "has no room") {
		t.Errorf("the log does not say why:\n%s", log)
	}
}

// withoutNotes relays five messages, as two transactions. While the first is taken the
// notes fail, and spoil gets the oldest file.
func withoutNotes(t *testing.T, spoil func(oldest string)) (taken, left int) {
	t.Helper()
	s := newSite(t, standardSite(t))
	s.fill(t, 5)
	server := &customer.Server{Take: func(string, []string, []byte) {
		if taken++; taken == 1 {
			spoil(s.maildir + "/new/1795336000.0.vm")
			ruin(t, s.maildir+"/vodmr.notes")
		}
	}}
	require.OK(t, s.session(t, server))
	return taken, s.waiting(t)
}

// ruin makes what this process does with an open file fail.
func ruin(t *testing.T, path string) {
	path, err := filepath.EvalSymlinks(path)
	require.OK(t, err)
	open, err := filepath.Glob("/proc/self/fd/*")
	require.OK(t, err)
	none, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.OK(t, err)
	defer unix.Close(none)
	for _, link := range open {
		if target, _ := os.Readlink(link); target == path {
			fd, err := strconv.Atoi(filepath.Base(link))
			require.OK(t, err)
			require.OK(t, unix.Dup3(none, fd, unix.O_CLOEXEC))
			return
		}
	}
	t.Fatalf("%s is not open", path)
}
