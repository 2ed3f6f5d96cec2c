package qmail

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vodmr/internal/cdb"
	"vodmr/internal/sys"
)

func openCDB(t testing.TB, content string) (*CDB, error) {
	c, err := OpenCDB(writeFile(t, t.TempDir(), "cdb", content))
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func mustOpenCDB(t testing.TB, content string) *CDB {
	t.Helper()
	c, err := openCDB(t, content)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func all(c *CDB) (records []record, err error) {
	err = c.Each(func(key, value []byte) error {
		records = append(records, record{string(key), string(value)})
		return nil
	})
	return records, err
}

func TestEachListsWhatQmailNewuWrote(t *testing.T) {
	got, err := all(mustOpenCDB(t, readFixture(t, "users/cdb")))
	if err != nil {
		t.Fatal(err)
	}
	const dirs = "/home/vpopmail/domains/"
	want := []record{
		{"!alias.example-", "example.org\x0089\x0089\x00" + dirs + "example.org\x00-\x00"},
		{"!example.org-", "example.org\x0089\x0089\x00" + dirs + "example.org\x00-\x00"},
		{"!fwd.example-", "fwd.example\x0089\x0089\x00" + dirs + "fwd.example\x00-\x00"},
		{"!quota.example-", "quota.example\x0089\x0089\x00" + dirs + "quota.example\x00-\x00"},
		{"", "-"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(record{})); diff != "" {
		t.Error(diff)
	}
}

func TestFindInFixtures(t *testing.T) {
	for _, name := range []string{"users/cdb", "rules.cdb"} {
		c := mustOpenCDB(t, readFixture(t, name))
		records, err := all(c)
		if err != nil || len(records) < 4 {
			t.Fatalf("%s: %d records, %v", name, len(records), err)
		}
		for _, r := range records {
			if value, found, err := c.Find([]byte(r.key)); string(value) != r.value || !found || err != nil {
				t.Errorf("%s: Find(%q) = %q, %v, %v", name, r.key, value, found, err)
			}
			if _, found, err := c.Find([]byte(r.key + "?")); found || err != nil {
				t.Errorf("%s: Find(%q + ?) = %v, %v", name, r.key, found, err)
			}
		}
	}
}

func TestFindReturnsTheFirstOfEqualKeys(t *testing.T) {
	c := mustOpenCDB(t, makeCDB([]record{{"k", "one"}, {"k", "two"}, {"", ""}}))
	if value, _, err := c.Find([]byte("k")); string(value) != "one" || err != nil {
		t.Errorf("Find = %q, %v", value, err)
	}
	if _, found, err := c.Find(nil); !found || err != nil {
		t.Errorf("empty key: %v, %v", found, err)
	}
}

func TestEachStopsAtTheCallersError(t *testing.T) {
	stop := errors.New("stop")
	calls := 0
	err := mustOpenCDB(t, makeCDB([]record{{"a", ""}, {"b", ""}})).Each(func(_, _ []byte) error {
		calls++
		return stop
	})
	if err != stop || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestDamagedCDB(t *testing.T) {
	whole := makeCDB([]record{{"key", "value"}})
	patch := func(at int, pair string) string { return whole[:at] + pair + whole[at+8:] }
	slot := strings.LastIndex(whole, string(appendPair(nil, cdb.Hash("key"), cdbHeader)))
	table := int(cdb.Hash("key")%cdb.Tables) * 8
	pair := func(x, y uint32) string { return string(appendPair(nil, x, y)) }
	tests := map[string]string{
		"empty file":                 "",
		"half a header":              whole[:1000],
		"cut in the tables":          whole[:len(whole)-1],
		"table in the header":        patch(table, pair(8, 2)),
		"table beyond the end":       patch(table, pair(1<<31, 2)),
		"table with too many slots":  patch(table, pair(cdbHeader+16, 1<<31)),
		"record in the header":       patch(slot, pair(cdb.Hash("key"), 8)),
		"record beyond the end":      patch(slot, pair(cdb.Hash("key"), 1<<31)),
		"record with a huge value":   patch(cdbHeader, pair(3, 1<<31)),
		"record into the tables":     patch(cdbHeader, pair(3, 6)),
		"record longer than we keep": makeCDB([]record{{"key", strings.Repeat("v", cdbMaxRecord)}}),
		"gap after the last record":  makeCDBWithGap(),
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := openCDB(t, content)
			switch {
			case err != nil:
			case strings.HasPrefix(name, "gap"): // a look-up does not pass there
				_, err = all(c)
			default:
				_, _, err = c.Find([]byte("key"))
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "/cdb: ") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// makeCDBWithGap makes a database with four bytes between the records and the
// tables: too few for another record.
func makeCDBWithGap() string {
	whole := makeCDB([]record{{"key", "value1234"}})
	return whole[:cdbHeader] + string(appendPair(nil, 3, 5)) + whole[cdbHeader+8:]
}

func TestEachChecksLengths(t *testing.T) {
	whole := makeCDB([]record{{"key", "value"}})
	for _, lengths := range [][2]uint32{{3, 6}, {3, 1 << 31}, {1<<32 - 1, 1<<32 - 1}, {9, 0}} {
		content := whole[:cdbHeader] + string(appendPair(nil, lengths[0], lengths[1])) + whole[cdbHeader+8:]
		if records, err := all(mustOpenCDB(t, content)); !errors.Is(err, ErrDamaged) || records != nil {
			t.Errorf("%d: %q, %v", lengths, records, err)
		}
	}
}

func TestTableWithoutAFreeSlotEnds(t *testing.T) {
	whole := []byte(makeCDB([]record{{"key", "value"}}))
	h := cdb.Hash("key")
	// Both slots hold the hash and a record with another key.
	copy(whole[len(whole)-16:], appendPair(appendPair(nil, h, cdbHeader), h, cdbHeader))
	whole[cdbHeader+8] = 'K'
	if _, found, err := mustOpenCDB(t, string(whole)).Find([]byte("key")); found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, dir, "/dev/null"} {
		if _, err := OpenCDB(path); !errors.Is(err, sys.ErrNotRegular) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := OpenCDB(dir + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

// FuzzCDB reads the input as a database, which must end without a panic. It also makes a
// database from the input's lines, and must find all of them again. Run it
// with -fuzzminimizetime 10x, or shrinking inputs takes nearly all the time.
func FuzzCDB(f *testing.F) {
	f.Add([]byte(readFixture(f, "users/cdb")))
	f.Add([]byte(readFixture(f, "rules.cdb")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := openCDB(t, string(b)); err == nil {
			records, _ := all(c)
			for _, r := range append(records, record{key: string(b)}) {
				if _, _, err := c.Find([]byte(r.key)); err != nil && !errors.Is(err, ErrDamaged) {
					t.Error(err)
				}
			}
		}
		var want []record
		for line := range strings.SplitSeq(string(b), "\n") {
			key, value, _ := strings.Cut(line, ":")
			want = append(want, record{key, value})
		}
		checkMade(t, want)
	})
}

func checkMade(t *testing.T, want []record) {
	c := mustOpenCDB(t, makeCDB(want))
	got, err := all(c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(record{})); diff != "" {
		t.Fatal(diff)
	}
	first := map[string]string{}
	for _, r := range want {
		if _, known := first[r.key]; !known {
			first[r.key] = r.value
		}
		if value, found, err := c.Find([]byte(r.key)); string(value) != first[r.key] || !found || err != nil {
			t.Errorf("Find(%q) = %q, %v, %v; want %q", r.key, value, found, err, first[r.key])
		}
	}
}
