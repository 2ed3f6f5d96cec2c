package maildir

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vodmr/test/kit/require"
)

var past = time.Unix(1, 0)

func TestOrder(t *testing.T) {
	b, dir := newBox(t, map[string]string{
		"new/1795338736.9.vm,S=3":      "",
		"new/1795338736.10.vm,S=3":     "",
		"new/1795338736.M9P1Q2.h":      "",
		"new/1795338736.M9P1Q10.h":     "",
		"cur/1795338735.1.vm:2,S":      "",
		"cur/1795338737.1.vm:2,":       "",
		"cur/1795338738.1.vm:2,ST":     "",
		"new/.hidden":                  "",
		"new/no-time":                  "",
		"new/99999999999999.1.vm":      "", // beyond the clamp
		"new/99999999999998.1.vm":      "",
		"new/1.old.vm":                 "",
		"new/12345678901234567890.1.v": "", // no time: the number is too large
	})
	require.OK(t, os.Mkdir(filepath.Join(dir, "new/5.dir"), 0o700))
	for name, when := range map[string]int64{"no-time": 1795338736, "12345678901234567890.1.v": 7} {
		require.OK(t, os.Chtimes(filepath.Join(dir, "new", name), time.Unix(when, 0), time.Unix(when, 0)))
	}
	want := []string{
		"new/1.old.vm",
		"new/5.dir", // OpenMessage says what it is
		"new/12345678901234567890.1.v",
		"cur/1795338735.1.vm:2,S",
		"new/1795338736.9.vm,S=3",
		"new/1795338736.10.vm,S=3",
		"new/1795338736.M9P1Q2.h",
		"new/1795338736.M9P1Q10.h",
		"new/no-time",
		"cur/1795338737.1.vm:2,",
		"new/99999999999998.1.vm",
		"new/99999999999999.1.vm",
	}
	if diff := cmp.Diff(want, scanAll(t, b)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// Messages of one second go in the order of their microseconds, whatever stands before
// these: Postfix names the inode first, Dovecot and Exim the microseconds.
// TestListBytes: the sum of the sizes in the names, if all tell theirs.
func TestListBytes(t *testing.T) {
	for name, test := range map[string]struct {
		names []string
		want  int64
	}{
		"none":      {nil, 0},
		"all":       {[]string{"new/1.a,S=3", "cur/2.b,S=40,W=41:2,S", "cur/3.c,S=500:2,ST"}, 43}, // the third is deleted
		"but one":   {[]string{"new/1.a,S=3", "new/2.b"}, 0},
		"no number": {[]string{"new/1.a,S=3", "new/2.b,S=-1"}, 0},
		"flags":     {[]string{"cur/1.a:2,S=3"}, 0},
		"too much":  {[]string{"new/1.a,S=9223372036854775807", "new/2.b,S=1"}, 0},
	} {
		files := map[string]string{}
		for _, name := range test.names {
			files[name] = ""
		}
		b, _ := newBox(t, files)
		l, err := b.Scan(time.Time{})
		require.OK(t, err)
		if got := l.Bytes(); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
		l.Close()
	}
}

func TestMicroseconds(t *testing.T) {
	want := []string{
		"new/5.1.vm", "new/5.77.vm", // qmail's have none
		"new/5.V801I2c0009M3.vm",
		"cur/5.M20P9.vm,S=1,W=2:2,S",
		"new/5.H100P7.vm",
		"new/5.V801I2c0001M5000.vm",
		"new/5.M999999P1Q1.vm",
		"new/6.V801I1M1.vm",
	}
	files := map[string]string{}
	for _, name := range want {
		files[name] = ""
	}
	b, _ := newBox(t, files)
	if diff := cmp.Diff(want, scanAll(t, b)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for unique, want := range map[string]int64{
		"V801I2c0001M77.h": 77, "M0P1.h": 0, "H5P1.h": 5, "28150.vm": noMicroseconds, "9c8d1e2f.h": noMicroseconds, "": noMicroseconds,
		"M.h": lastOfSecond, "M1234567.h": lastOfSecond, "V801.M5": lastOfSecond, "Vxyz": lastOfSecond, "P7": lastOfSecond, "m5": lastOfSecond,
	} {
		if got := microseconds([]byte(unique)); got != want {
			t.Errorf("%q: %d, want %d", unique, got, want)
		}
	}
}

func TestEntryTimes(t *testing.T) {
	b, dir := newBox(t, map[string]string{"new/1795338736.9.vm": "", "cur/x:2,S": ""})
	require.OK(t, os.Chtimes(filepath.Join(dir, "cur/x:2,S"), past, time.Unix(-5, 0)))
	l, err := b.Scan(time.Time{})
	require.OK(t, err)
	first, _ := l.Next()
	second, _ := l.Next()
	want := []Entry{{Name: "x:2,S", Cur: true, Time: -5}, {Name: "1795338736.9.vm", Time: 1795338736}}
	if diff := cmp.Diff(want, []Entry{first, second}); diff != "" {
		t.Error(diff)
	}
	if first.Base() != "x" || second.Base() != "1795338736.9.vm" {
		t.Errorf("bases %q, %q", first.Base(), second.Base())
	}
}

// A reader moves a message from new to cur between the two readings: sent twice, if it
// were given twice.
func TestRenamedDuringTheScanIsGivenOnce(t *testing.T) {
	b, _ := newBox(t, map[string]string{
		"new/5.a": "", "cur/5.a:2,S": "", "new/5.a,S=3": "", "cur/5.a:2,": "", "new/5.b": "",
	})
	want := []string{"new/5.a", "new/5.a,S=3", "new/5.b"}
	if diff := cmp.Diff(want, scanAll(t, b)); diff != "" {
		t.Error(diff)
	}
}

func TestScanGoesOnAfterItsDeadline(t *testing.T) {
	b, dir := newBox(t, nil)
	for i := range 3000 {
		write(t, fmt.Sprintf("%s/new/%d.1.a-rather-long-host-name.example", dir, 1000+i), "")
	}
	write(t, dir+"/cur/1.1.h:2,S", "")
	l, err := b.Scan(past)
	rounds := 0
	for ; errors.Is(err, ErrDeadline); rounds++ {
		err = l.Resume(past)
	}
	require.OK(t, err)
	if rounds < 2 || l.Len() != 3001 {
		t.Errorf("%d rounds, %d messages; want more than one, 3001", rounds, l.Len())
	}
	if e, _ := l.Next(); e.Name != "1.1.h:2,S" {
		t.Errorf("first is %q", e.Name)
	}
}

func TestManyNamesCostLittleMemory(t *testing.T) {
	const many, size = 20000, 35
	l := &List{}
	for _, i := range rand.New(rand.NewSource(1)).Perm(many) {
		name := fmt.Sprintf("%010d.%08d.mail.vm,S=12345", 1795000000+i/7, i%7)
		if len(name) != size {
			t.Fatalf("%q: %d bytes", name, len(name))
		}
		l.add([]byte(name), false, int64(1795000000+i/7), true)
	}
	bytes := 0
	for _, piece := range l.names {
		bytes += cap(piece)
	}
	for _, piece := range l.words {
		bytes += cap(piece)
	}
	if most := many*(size-len("1795000000.")+recordHead+wordSize) + namesPiece + wordSize*wordsPiece; bytes > most {
		t.Errorf("%d bytes for %d names, want at most %d", bytes, many, most)
	}
	for i := range many {
		want := fmt.Sprintf("%010d.%08d.mail.vm,S=12345", 1795000000+i/7, i%7)
		if e, ok := l.Next(); !ok || e.Name != want {
			t.Fatalf("%d: got %q, want %q", i, e.Name, want)
		}
	}
	if _, ok := l.Next(); ok {
		t.Error("more than was put in")
	}
}

func TestNextAllocatesOnlyTheName(t *testing.T) {
	l := &List{}
	for i := range 2000 {
		l.add(fmt.Appendf(nil, "1795000000.%d.vm", i), false, 1795000000, true)
	}
	l.Next()
	if n := testing.AllocsPerRun(1000, func() { l.Next() }); n > 1 {
		t.Errorf("%v allocations a message", n)
	}
}

func TestBasesDoesNotConsume(t *testing.T) {
	b, _ := newBox(t, map[string]string{"new/1.a": "", "cur/2.b:2,S": "", "new/3.c": ""})
	l, err := b.Scan(time.Time{})
	require.OK(t, err)
	l.Next()
	var bases []string
	l.Bases(func(base []byte) bool { bases = append(bases, string(base)); return true })
	slices.Sort(bases)
	if diff := cmp.Diff([]string{"2.b", "3.c"}, bases); diff != "" || l.Len() != 2 {
		t.Errorf("%d left; %s", l.Len(), diff)
	}
}

func TestNatural(t *testing.T) {
	sorted := []string{"", "01", "1", "2.9", "2.10", "007", "8.a", "8.b", "18446744073709551617", "a", "a1", "a09", "a10", "ab"}
	for i := range sorted {
		for j := range sorted {
			got := natural([]byte(sorted[i]), []byte(sorted[j]))
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q and %q: %d", sorted[i], sorted[j], got)
			}
		}
	}
}

// natural must be an order, or the heap would be none.
func TestNaturalIsAnOrder(t *testing.T) {
	name := rapid.StringMatching(`[a.0-2]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := []byte(name.Draw(t, "a")), []byte(name.Draw(t, "b")), []byte(name.Draw(t, "c"))
		ab, ba := natural(a, b), natural(b, a)
		if (ab < 0) != (ba > 0) || (ab == 0) != (string(a) == string(b)) {
			t.Fatalf("%q %q: %d and %d", a, b, ab, ba)
		}
		if ab < 0 && natural(b, c) < 0 && natural(a, c) >= 0 {
			t.Fatalf("%q < %q < %q, but not the first and the last", a, b, c)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	box, dir := newBox(b, nil)
	for i := range 20000 {
		write(b, fmt.Sprintf("%s/new/%d.%d.mail,S=4096", dir, 1795000000+i, i), "")
	}
	b.ReportAllocs()
	for b.Loop() {
		l, err := box.Scan(time.Time{})
		if err != nil || l.Len() != 20000 {
			b.Fatal(err)
		}
		l.Next()
	}
}

func BenchmarkNext(b *testing.B) {
	l := &List{}
	for i := 0; b.Loop(); i++ {
		if i%100000 == 0 {
			b.StopTimer()
			l = &List{}
			for j := range 100000 {
				l.add(fmt.Appendf(nil, "1795%06d.%d.vm", j*7919%100000, j), false, 1795000000+int64(j*7919%100000), true)
			}
			l.Next()
			b.StartTimer()
		}
		l.Next()
	}
}

// TestNamesComeBack: whatever a name begins with, Next gives it as it was.
func TestNamesComeBack(t *testing.T) {
	l := &List{}
	defer l.Close()
	want := []string{"0.a", "00.a", "5.a", "05.a", "005.b", "4294967294.a", "4294967295.a", "4294967296.a", "99999999999.a", "999999999999999999.a"}
	for _, name := range want {
		seconds, stamped := stamp([]byte(name))
		l.add([]byte(name), false, seconds, stamped)
	}
	l.add([]byte("no time"), true, 4294967297, false)
	var got []string
	for e, ok := l.Next(); ok; e, ok = l.Next() {
		got = append(got, e.Name)
		if seconds, stamped := stamp([]byte(e.Name)); stamped && seconds != e.Time || !stamped && (e.Time != 4294967297 || !e.Cur) {
			t.Errorf("%q: time %d, in cur: %v", e.Name, e.Time, e.Cur)
		}
	}
	want = []string{"0.a", "00.a", "005.b", "05.a", "5.a", "4294967294.a", "4294967295.a", "4294967296.a", "no time", "99999999999.a", "999999999999999999.a"}
	slices.Sort(got[2:5])
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestRescan passes over what is known and costs nothing for it.
func TestRescan(t *testing.T) {
	b, _ := newBox(t, map[string]string{"new/1.a": "", "new/2.b": "", "cur/3.c:2,S": "", "cur/4.d:2,": ""})
	var asked []string
	l, err := b.Rescan(func(base []byte) bool {
		asked = append(asked, string(base))
		return bytes.HasPrefix(base, []byte("2")) || bytes.HasPrefix(base, []byte("3"))
	})
	require.OK(t, err)
	defer l.Close()
	var got []string
	for e, ok := l.Next(); ok; e, ok = l.Next() {
		got = append(got, e.Path())
	}
	slices.Sort(asked)
	if want := []string{"new/1.a", "cur/4.d:2,"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	if want := []string{"1.a", "2.b", "3.c", "4.d"}; !slices.Equal(asked, want) {
		t.Errorf("asked about %q, want %q", asked, want)
	}
}
