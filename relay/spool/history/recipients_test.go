package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// reread is what another program reads.
func reread(t *testing.T, dir string, clock func() time.Time) *Recipients {
	t.Helper()
	r := NewRecipients(dir, "example.org", clock)
	if _, err := r.Load(); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecipients: what was learnt is read back, the last word counts, and a week later it
// is forgotten.
func TestRecipients(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1_795_000_000, 0)
	clock := func() time.Time { return now }
	r := NewRecipients(dir, "example.org", clock)
	require.OK(t, r.SetLogin("odmr@example.org"))
	require.OK(t, r.Refused("gone@example.org", "no such user"))
	require.OK(t, r.Refused("back@example.org", "not yet"))
	require.OK(t, r.Accepted("back@example.org"))
	require.OK(t, r.Accepted("odd one%\n@example.org"))
	require.OK(t, r.SetTakesAll(false))
	want := func(address string, known, refused bool, reply string) {
		t.Helper()
		for _, from := range []*Recipients{r, reread(t, dir, clock)} {
			if e, ok := from.Of(address); ok != known || e.Refused != refused || e.Reply != reply {
				t.Errorf("%s: %+v, %v", address, e, ok)
			}
		}
	}
	want("gone@example.org", true, true, "no such user")
	want("back@example.org", true, false, "")
	want("odd one%\n@example.org", true, false, "")
	want("new@example.org", false, false, "")
	if all, known := reread(t, dir, clock).TakesAll(); all || !known || r.Login() != "odmr@example.org" {
		t.Errorf("takes all: %v, %v; login %q", all, known, r.Login())
	}
	now = now.Add(keepTakesAll)
	if _, known := r.TakesAll(); known {
		t.Error("what the server takes is known for longer than a day")
	}
	now = now.Add(keepRecipient - keepTakesAll - time.Second)
	want("gone@example.org", true, true, "no such user")
	now = now.Add(time.Second)
	if _, known := r.Of("gone@example.org"); known || len(r.All()) > 0 {
		t.Error("it is known for longer than a week")
	}
}

// TestRecipientsForgotten: another program's word is heard, and only that counts as a change.
func TestRecipientsForgotten(t *testing.T) {
	dir := t.TempDir()
	r := NewRecipients(dir, "example.org", time.Now)
	require.OK(t, r.Forget("gone@example.org"))
	if names, _ := os.ReadDir(dir); len(names) > 0 {
		t.Error("forgetting makes a file")
	}
	require.OK(t, r.Refused("gone@example.org", "no"))
	if changed, err := r.Load(); changed || err != nil {
		t.Error("our own line counts as a change", err)
	}
	require.OK(t, reread(t, dir, time.Now).Forget("gone@example.org"))
	if changed, err := r.Load(); !changed || err != nil {
		t.Error("another's line does not count as a change", err)
	}
	if _, known := r.Of("gone@example.org"); known {
		t.Error("it is still known")
	}
	require.OK(t, r.Refused("gone@example.org", "no"))
	if e, known := reread(t, dir, time.Now).Of("gone@example.org"); !known || !e.Refused {
		t.Error("it cannot be learnt again")
	}
}

// TestRecipientsBounded: a dictionary of addresses costs little memory and a short file, and
// two writers lose none of the last lines.
func TestRecipientsBounded(t *testing.T) {
	dir := t.TempDir()
	var group, nearlyDone sync.WaitGroup
	nearlyDone.Add(2)
	for w := range 2 {
		group.Go(func() {
			r := NewRecipients(dir, "example.org", time.Now)
			for i := range 4 * maxRecipients {
				if i == 4*maxRecipients-1 { // a writer that is far ahead would have its last line forgotten
					nearlyDone.Done()
					nearlyDone.Wait()
				}
				if err := r.Refused(fmt.Sprintf("a%d-%d@example.org", w, i), strings.Repeat("x", i%500)); err != nil {
					t.Error(err)
				}
			}
			if len(r.known) > maxRecipients {
				t.Errorf("%d are known", len(r.known))
			}
		})
	}
	group.Wait()
	r := reread(t, dir, time.Now)
	for w := range 2 {
		if _, known := r.Of(fmt.Sprintf("a%d-%d@example.org", w, 4*maxRecipients-1)); !known {
			t.Errorf("the last of writer %d is lost", w)
		}
	}
	st, err := os.Stat(filepath.Join(dir, "learnt@example.org"))
	if err != nil || st.Size() > 2<<20 || st.Mode().Perm() != recipientMode {
		t.Errorf("%v bytes: %v", st.Size(), err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left: %v", names)
	}
}

// TestRecipientsDamaged: lines that make no sense count for nothing.
func TestRecipientsDamaged(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().Unix()
	text := fmt.Sprintf("\x00\x00\n%d no bad%%@example.org\n%d no gone@example.org no\n%d no torn@exa", now, now, now)
	require.OK(t, os.WriteFile(filepath.Join(dir, "learnt@example.org"), []byte(text), 0o600))
	r := reread(t, dir, time.Now)
	if e, known := r.Of("gone@example.org"); !known || e.Reply != "no" || len(r.All()) != 1 {
		t.Errorf("%+v", r.All())
	}
}

// TestRecipientsOldestGoFirst: the order of the lines counts even within one second, and
// outlives a rewriting of the file.
func TestRecipientsOldestGoFirst(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	r := NewRecipients(dir, "example.org", func() time.Time { return now })
	last := 4*maxRecipients - 1
	for i := range last + 1 {
		require.OK(t, r.Refused(fmt.Sprintf("a%d@example.org", i), strings.Repeat("x", 300)))
	}
	all := reread(t, dir, func() time.Time { return now }).All()
	if len(all) != maxRecipients {
		t.Fatalf("%d are known", len(all))
	}
	for i, entry := range all {
		if want := fmt.Sprintf("a%d@example.org", last+1-maxRecipients+i); entry.Address != want {
			t.Fatalf("%d: %s, want %s", i, entry.Address, want)
		}
	}
}

// TestRecipientsRenewed: answers that are renewed without an end take no more memory, and the
// oldest still goes first.
func TestRecipientsRenewed(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	r := NewRecipients(t.TempDir(), "example.org", func() time.Time { return now })
	address := func(i int) string { return fmt.Sprintf("a%d@example.org", i) }
	for range 12 {
		for i := range maxRecipients / 2 {
			require.OK(t, r.Accepted(address(i)))
		}
		now = now.Add(AcceptedFor)
	}
	require.OK(t, r.Accepted(address(0)))
	for i := range maxRecipients/2 + 1 { // one too many
		require.OK(t, r.Accepted(address(maxRecipients+i)))
	}
	_, renewed := r.Of(address(0))
	if _, oldest := r.Of(address(1)); !renewed || oldest || len(r.known) != maxRecipients {
		t.Errorf("%d are known; the renewed one: %v, the oldest: %v", len(r.known), renewed, oldest)
	}
	if n := r.accepted.Len(); n != maxRecipients {
		t.Errorf("a list of %d", n)
	}
}

// TestRecipientsFresh: how long an answer holds for a server that can be asked.
func TestRecipientsFresh(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	r := NewRecipients(t.TempDir(), "example.org", func() time.Time { return now })
	require.OK(t, r.Accepted("bob@example.org"))
	require.OK(t, r.Refused("gone@example.org", "no"))
	for _, step := range []struct {
		later     time.Duration
		bob, gone bool
	}{{0, true, true}, {RefusedFor - time.Second, true, true}, {RefusedFor, true, false}, {AcceptedFor - time.Second, true, false}, {AcceptedFor, false, false}} {
		now = time.Unix(1_795_000_000, 0).Add(step.later)
		_, bob := r.Fresh("bob@example.org")
		if _, gone := r.Fresh("gone@example.org"); bob != step.bob || gone != step.gone {
			t.Errorf("after %v: %v, %v", step.later, bob, gone)
		}
	}
}
