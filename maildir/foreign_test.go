package maildir

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/require"
)

// oddFiles makes in dir one of each kind that is no message, and returns their names.
func oddFiles(t testing.TB, dir, prefix string) []string {
	t.Helper()
	path := dir + "/" + prefix
	require.OK(t, os.Symlink("../cur/1.real:2,S", path+"link"))
	require.OK(t, os.Mkdir(path+"dir", 0o700))
	require.OK(t, syscall.Mkfifo(path+"fifo", 0o600))
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.OK(t, err)
	defer syscall.Close(fd)
	here, err := os.Getwd()
	require.OK(t, err)
	require.OK(t, os.Chdir(dir)) // the address of a socket is short
	defer os.Chdir(here)
	require.OK(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: prefix + "socket"}))
	return []string{prefix + "dir", prefix + "fifo", prefix + "link", prefix + "socket"}
}

// Whatever lies in new or cur is listed, with a time in its name or without, so that the
// log can say that it is no message: mail that was put there by mistake is not forgotten.
func TestWhatIsNoMessageIsListedAndNotOpened(t *testing.T) {
	for _, sub := range []string{"new", "cur"} {
		for _, prefix := range []string{"1795000000.", "odd-"} {
			b, dir := newBox(t, nil)
			var want, got []string
			for _, name := range oddFiles(t, dir+"/"+sub, prefix) {
				want = append(want, sub+"/"+name)
			}
			oddFiles(t, dir+"/"+sub, ".") // a mail reader's own
			l, err := b.Scan(time.Time{})
			require.OK(t, err)
			for e, ok := l.Next(); ok; e, ok = l.Next() {
				got = append(got, e.Path())
				if _, err := b.OpenMessage(e); !errors.Is(err, ErrNotRegular) {
					t.Errorf("%s: %v, want ErrNotRegular", e.Path(), err)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %q: %s", sub, prefix, diff)
			}
			l.Close()
		}
	}
}

// A directory's time, and a link's own, which may point at nothing.
func TestTheTimeOfWhatIsNoMessage(t *testing.T) {
	b, dir := newBox(t, map[string]string{"new/5.a": "", "new/9.b": ""})
	require.OK(t, os.Mkdir(dir+"/new/folder", 0o700))
	require.OK(t, os.Chtimes(dir+"/new/folder", time.Unix(7, 0), time.Unix(7, 0)))
	require.OK(t, os.Symlink("nowhere", dir+"/new/link"))
	want := []string{"new/5.a", "new/folder", "new/9.b", "new/link"}
	if diff := cmp.Diff(want, scanAll(t, b)); diff != "" {
		t.Error(diff)
	}
}

// A name that is gone when its time is asked for is no message; one of which nothing can
// be learned is listed, for OpenMessage to say why.
func TestANameWithoutATime(t *testing.T) {
	b, _ := newBox(t, nil)
	l := &List{scan: scan{box: b, fd: -1}}
	defer l.Close()
	l.meet(b.sub[inNew], []byte("gone"))
	if l.Len() != 0 {
		t.Error("what is gone is listed")
	}
	long := strings.Repeat("x", 1000)
	l.meet(b.sub[inNew], []byte(long))
	e, ok := l.Next()
	if !ok || e != (Entry{Name: long}) {
		t.Fatalf("%v, %+v", ok, e)
	}
	if _, err := b.OpenMessage(e); !errors.Is(err, syscall.ENAMETOOLONG) {
		t.Error(err)
	}
}
