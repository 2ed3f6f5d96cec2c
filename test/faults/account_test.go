package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/customer"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
)

// bin is the folder of the programs that TestMain built.
var bin string

func TestMain(m *testing.M) {
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr-expire", "vodmr/cmd/vodmr-relay", "vodmr/cmd/vodmr-tls",
		"vodmr/test/faults/inject", "vodmr/test/standin/qmail-queue"))
}

// testTrial makes the nth trial.
func testTrial(t *testing.T, n int) *trial {
	t.Helper()
	f := &faults{ctx: context.Background(), bin: bin, work: t.TempDir(), forms: logformat.Load(t), seed: 1}
	one, err := f.newTrial("row", "series", n)
	require.OK(t, err)
	return one
}

// testSite makes a site with one message of each sort.
func testSite(t *testing.T) *site {
	t.Helper()
	return newSite(testTrial(t, 1), relayChain(), modes()[2], variety()).owned(t)
}

// owned gives the site to another user if the tests run as root, because vodmr-relay
// and vodmr-expire refuse to work as root and become the user that users/cdb names.
func (s *site) owned(t *testing.T) *site {
	t.Helper()
	require.OK(t, s.trial.broken)
	if os.Geteuid() == 0 {
		for dir := s.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			require.OK(t, os.Chmod(dir, 0o755))
		}
		require.OK(t, filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
			require.OK(t, err)
			return os.Lchown(path, 65534, 65534)
		}))
		_, domain, _ := strings.Cut(login, "@")
		entry := fmt.Sprintf("+%s-:%[1]s:65534:65534:%s:-::\n", domain, s.dir)
		require.OK(t, os.MkdirAll(filepath.Join(s.qmail, "users"), 0o755))
		require.OK(t, os.WriteFile(filepath.Join(s.qmail, "users/cdb"), cdbmake.Assign(entry), 0o644))
		require.OK(t, os.WriteFile(filepath.Join(s.dir, ".qmail-default"), []byte("| vdelivermail '' "+s.home+"\n"), 0o644))
	}
	return s
}

// expect fails unless the account closed with one fault of this kind, or with none if
// wrong is empty.
func (s *site) expect(t *testing.T, wrong string) {
	t.Helper()
	require.OK(t, s.trial.broken)
	got := strings.Join(s.wrong, "; ")
	if wrong == "" && got != "" || !strings.Contains(got, wrong) {
		t.Errorf("got %q, want %q; the log:\n%s", got, wrong, s.log.String())
	}
}

// TestUndisturbed: if nothing breaks, the account finds nothing.
func TestUndisturbed(t *testing.T) {
	s := testSite(t)
	s.settle(0)
	s.expect(t, "")
	if s.resent != 0 || s.lost != 0 || s.bound != 0 {
		t.Errorf("again %d, lost %d, bound %d", s.resent, s.lost, s.bound)
	}
}

// TestDoctoredCustomer: the account notices if a customer does not do what it says.
func TestDoctoredCustomer(t *testing.T) {
	for _, test := range []struct {
		name, wrong string
		lost        int
		adjust      func(*site, *customer.Server)
	}{
		{"throws a message away", "LOST: ", 1, func(s *site, c *customer.Server) {
			c.Take = func(from string, to []string, content []byte) {
				if to[0] != "bob@example.org" {
					s.take(from, to, content)
				}
			}
		}},
		{"takes only one of two", "LOST: ", 1, func(s *site, c *customer.Server) {
			c.Take = func(from string, to []string, content []byte) { s.take(from, to[:1], content) }
		}},
		{"takes all twice", " were sent again, at most 0 may", 0, func(s *site, c *customer.Server) {
			c.Take = func(from string, to []string, content []byte) {
				s.take(from, to, content)
				s.take(from, to, content)
			}
		}},
		{"spoils a byte", "nobody sent", 5, func(s *site, c *customer.Server) {
			c.Take = func(from string, to []string, content []byte) {
				content[len(content)-3] ^= 1
				s.take(from, to, content)
			}
		}},
		{"refuses what is good", "wrongly bounced", 0, func(s *site, c *customer.Server) {
			rcpt := c.Rcpt
			c.Rcpt = func(to string) string {
				if strings.HasPrefix(to, "bob@") {
					return "550 no"
				}
				return rcpt(to)
			}
		}},
		{"takes what it refuses", "taken though it was refused", 0, func(s *site, c *customer.Server) {
			c.Rcpt = nil
		}},
		{"defers what is good", "left behind", 0, func(s *site, c *customer.Server) {
			c.Mail = func(string) string { return "451 later" }
		}},
		{"hangs up", "out of order", 0, func(s *site, c *customer.Server) { c.CloseAfter = 1 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := testSite(t)
			s.adjust = func(c *customer.Server) { test.adjust(s, c) }
			s.settle(0)
			s.expect(t, test.wrong)
			if s.lost != test.lost {
				t.Errorf("%d lost, want %d", s.lost, test.lost)
			}
		})
	}
}

// TestMost: the number of messages that may be sent again is known beforehand.
func TestMost(t *testing.T) {
	for i, want := range []int{3, 3, 6} {
		s := &site{mode: modes()[i], messages: variety()}
		if got := s.most(); got != want {
			t.Errorf("%s: %d, want %d", s.mode.name, got, want)
		}
	}
	s := &site{mode: modes()[0], messages: small(3)}
	if got := s.most(); got != 1 {
		t.Errorf("one at a time, without bounces: %d, want 1", got)
	}
}

// TestResults: stored results can be read again, and a new result replaces the old
// one of its row.
func TestResults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.csv")
	first, second := rows()[0].name, rows()[1].name
	var list results
	list.put(result{row: second, kind: "b, c", points: 3, lost: 1, resent: 2, bound: 5, wrong: 1, seconds: 7, seed: 1 << 63})
	list.put(result{row: first, points: 1})
	list.put(result{row: first, points: 2})
	require.OK(t, list.write(path))
	got, err := readResults(path)
	require.OK(t, err)
	if len(got) != 2 || got[0] != list[0] || got[1] != list[1] || got[0].points != 2 || got[1].row != second {
		t.Errorf("got %+v, stored %+v", got, list)
	}
	list.put(result{row: second, kind: "b" + aPart})
	if !list.has(row{name: first}) || list.has(row{name: second}) {
		t.Errorf("a part counts as the whole: %+v", list)
	}
	if none, err := readResults(filepath.Join(t.TempDir(), "none")); err != nil || len(none) != 0 || none.has(row{name: first}) {
		t.Errorf("no file: %v, %v", none, err)
	}
}

// TestSeries: every point is tried until the series ends, and a point that is named
// alone draws the same random numbers as before.
func TestSeries(t *testing.T) {
	f := &faults{ctx: context.Background(), work: t.TempDir(), seed: 7, jobs: 2}
	var draws []int
	list := []series{{name: "a/b", try: func(t *trial) {
		t.fired = t.n <= 3 || t.n == 5
		t.struck = t.fired
		draws = append(draws, t.random.IntN(1000000))
	}}}
	r := row{name: "row", series: func() []series { return list }}
	whole, err := f.runRow(r, 1)
	require.OK(t, err)
	if whole.points != 4 || len(draws) != 7 {
		t.Errorf("%d points of %d trials, want 4 of 7", whole.points, len(draws))
	}
	f.point = "a/b:5"
	alone, err := f.runRow(r, 1)
	require.OK(t, err)
	if alone.points != 1 || draws[7] != draws[4] {
		t.Errorf("the point alone: %+v, draws %v", alone, draws)
	}
	for _, point := range []string{"a/b", "a/b:x", "c:1", ""} {
		if f.point = point; point == "" {
			f.point = ":1"
		}
		if _, err := f.runRow(r, 1); err == nil {
			t.Errorf("%q: no error", f.point)
		}
	}
}

// TestCalls: if inject reported the number of calls, a sample knows where the series
// ends.
func TestCalls(t *testing.T) {
	f := &faults{ctx: context.Background(), work: t.TempDir(), seed: 7, jobs: 1, sample: time.Nanosecond}
	tried := 0
	list := []series{{name: "s", each: 2, try: func(t *trial) {
		tried++
		if t.fired = t.n <= 2; t.fired {
			t.struck = true
		} else if err := os.WriteFile(t.injectReport(), []byte("calls 1\n"), 0o600); err != nil {
			t.broken = err
		}
	}}}
	if _, err := f.runRow(row{name: "row", series: func() []series { return list }}, 1); err != nil || tried > 2 {
		t.Errorf("%d trials, %v", tried, err)
	}
}

// TestInterruptedRun: if a row was not tried to its end, no result is stored.
func TestInterruptedRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	f := &faults{ctx: ctx, work: t.TempDir(), stored: filepath.Join(t.TempDir(), "results.csv"), jobs: 1}
	list := []series{{name: "s", last: 3, try: func(t *trial) {
		t.struck = true
		if t.n == 2 {
			cancel()
		}
	}}}
	code := f.runRows([]row{{name: rows()[0].name, series: func() []series { return list }}})
	if got, err := readResults(f.stored); code != exitBroken || err != nil || len(got) > 0 {
		t.Errorf("exit %d, stored %+v, %v", code, got, err)
	}
}

// TestFailureIsCounted: if a message is lost in a trial, the row fails.
func TestFailureIsCounted(t *testing.T) {
	f := &faults{ctx: context.Background(), work: t.TempDir(), jobs: 1}
	list := []series{{name: "s", last: 2, try: func(t *trial) {
		t.struck = true
		if t.n == 2 {
			t.lost = 1
			t.fail("LOST")
		}
	}}}
	r, err := f.runRow(row{name: "row", series: func() []series { return list }}, 1)
	require.OK(t, err)
	if r.points != 2 || r.wrong != 1 || r.lost != 1 {
		t.Errorf("%+v", r)
	}
}

// TestSample: a sample tries random points until at least one strikes, and ends if
// none does.
func TestSample(t *testing.T) {
	f := &faults{ctx: context.Background(), work: t.TempDir(), seed: 7, jobs: 1, sample: time.Nanosecond}
	list := []series{
		{name: "never", try: func(*trial) {}},
		{name: "slow", last: 1, slow: true, try: func(*trial) { t.Error("a slow series was tried") }},
		{name: "at times", try: func(t *trial) { t.fired, t.struck = t.n < 3, t.n < 3 }},
	}
	got, err := f.runRow(row{name: "row", series: func() []series { return slices.Clone(list) }}, 1)
	require.OK(t, err)
	if got.points != 1 {
		t.Errorf("%d points, want one", got.points)
	}
	if _, err := f.runRow(row{name: "row", series: func() []series { return slices.Clone(list[:2]) }}, 1); err == nil {
		t.Error("no error where nothing can strike")
	}
}
