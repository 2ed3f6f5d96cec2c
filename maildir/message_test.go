package maildir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/require"
)

func TestReadAll(t *testing.T) {
	content := strings.Repeat("line\r\n", 50000)
	b, _ := newBox(t, map[string]string{"new/1.a": content, "new/2.b": "", "cur/3.c:2,S": "x"})
	buf := make([]byte, 0, 8)
	for _, test := range []struct {
		entry   Entry
		content string
	}{{Entry{Name: "1.a"}, content}, {Entry{Name: "2.b"}, ""}, {Entry{Name: "3.c:2,S", Cur: true}, "x"}} {
		m, err := b.OpenMessage(test.entry)
		require.OK(t, err)
		got, err := m.ReadAll(buf)
		require.OK(t, err)
		if string(got) != test.content || m.Size != int64(len(test.content)) {
			t.Errorf("%s: %d bytes of %d", m.Path(), len(got), m.Size)
		}
		m.Close()
	}
}

func TestReadAt(t *testing.T) {
	b, _ := newBox(t, map[string]string{"new/1.a": "0123456789"})
	m, err := b.OpenMessage(Entry{Name: "1.a"})
	require.OK(t, err)
	defer m.Close()
	p := make([]byte, 4)
	if n, err := m.ReadAt(p, 3); n != 4 || err != nil || string(p) != "3456" {
		t.Errorf("%d %v %q", n, err, p)
	}
	if n, err := m.ReadAt(p, 8); n != 2 || err != io.EOF || string(p[:n]) != "89" {
		t.Errorf("at the end: %d %v %q", n, err, p)
	}
}

func TestAFileThatChangesIsNotSent(t *testing.T) {
	for _, size := range []int64{3, 0, 11, 100} {
		b, dir := newBox(t, map[string]string{"new/1.a": "0123456789"})
		m, err := b.OpenMessage(Entry{Name: "1.a"})
		require.OK(t, err)
		require.OK(t, os.Truncate(dir+"/new/1.a", size))
		if _, err := m.ReadAll(make([]byte, 0, 64)); !errors.Is(err, ErrChanged) {
			t.Errorf("10 bytes became %d: %v", size, err)
		}
		m.Close()
	}
}

func TestRenamedIsFoundAgain(t *testing.T) {
	for _, now := range []string{"cur/1.a:2,", "cur/1.a:2,S", "cur/1.a:2,RS", "new/1.a:2,F"} {
		b, dir := newBox(t, map[string]string{"new/1.a": "hello", "cur/1.ab:2,": "other", "new/1.": "other"})
		require.OK(t, os.Rename(dir+"/new/1.a", filepath.Join(dir, now)))
		m, err := b.OpenMessage(Entry{Name: "1.a", Time: 1})
		if err != nil {
			t.Errorf("%s: %v", now, err)
			continue
		}
		m.Close()
		if m.Path() != now || m.Size != 5 || m.Time != 1 {
			t.Errorf("%s: found as %+v", now, m)
		}
		require.OK(t, b.Remove(Entry{Name: "1.a"}, 5))
		if left := len(scanAll(t, b)); left != 2 {
			t.Errorf("%s: %d files are left after Remove, want 2", now, left)
		}
	}
}

func TestGone(t *testing.T) {
	b, dir := newBox(t, map[string]string{"cur/2.b:2,ST": "x", "new/3.c": "y", "cur/4.d:2,T": "z"})
	for _, e := range []Entry{{Name: "1.a"}, {Name: "1.a:2,S", Cur: true}, {Name: "2.b"}, {Name: "4.d:2,T", Cur: true}} {
		if _, err := b.OpenMessage(e); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v, want ErrGone", e.Path(), err)
		}
	}
	if err := b.Remove(Entry{Name: "1.a"}, 1); !errors.Is(err, ErrGone) {
		t.Errorf("Remove of nothing: %v, want ErrGone", err)
	}
	// The memory of a search must not hide a message that is there under another name.
	require.OK(t, os.Rename(dir+"/new/3.c", dir+"/cur/3.c:2,RS"))
	m, err := b.OpenMessage(Entry{Name: "3.c"})
	require.OK(t, err)
	m.Close()
}

// Each vanished file must not cost a reading of the directories.
func TestASearchThatFailsIsRemembered(t *testing.T) {
	b, dir := newBox(t, map[string]string{"new/1.a": ""})
	b.OpenMessage(Entry{Name: "2.b"})
	write(t, dir+"/cur/3.c:2,RS", "") // cannot be: it was not there
	if _, err := b.OpenMessage(Entry{Name: "3.c"}); !errors.Is(err, ErrGone) {
		t.Errorf("the directories were read again: %v", err)
	}
	scanAll(t, b)
	m, err := b.OpenMessage(Entry{Name: "3.c"})
	if err != nil {
		t.Fatalf("after a new scan: %v", err)
	}
	m.Close()
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	b, dir := newBox(t, map[string]string{"cur/1.real:2,S": ""})
	for _, name := range oddFiles(t, dir+"/new", "1.") {
		if _, err := b.OpenMessage(Entry{Name: name}); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v, want ErrNotRegular", name, err)
		}
	}
}

func TestAnothersFileIsNotSent(t *testing.T) {
	require.Root(t, "only root can give a file away")
	b, dir := newBox(t, map[string]string{"new/1.a": ""})
	require.OK(t, os.Chown(dir+"/new/1.a", 12345, -1))
	if _, err := b.OpenMessage(Entry{Name: "1.a"}); !errors.Is(err, ErrOwner) {
		t.Errorf("%v, want ErrOwner", err)
	}
}

func TestRemoveTellsMaildirsize(t *testing.T) {
	const quota = "1000000S\n0 0\n273 1\n"
	b, dir := newBox(t, map[string]string{
		"new/1.a,S=273": "x", "new/2.b": "four", "cur/3.c,S=12,W=13:2,S": "", "new/4.d,S=x": "abc", "maildirsize": quota,
	})
	require.OK(t, b.Remove(Entry{Name: "1.a,S=273"}, 1))
	require.OK(t, b.Remove(Entry{Name: "2.b"}, 4))
	require.OK(t, b.Remove(Entry{Name: "3.c,S=12,W=13"}, 0))
	require.OK(t, b.Remove(Entry{Name: "4.d,S=x"}, 3))
	b.Remove(Entry{Name: "5.gone,S=9"}, 9)
	want := quota + "-273 -1\n-4 -1\n-12 -1\n-3 -1\n"
	if diff := cmp.Diff(want, require.File(t, dir+"/maildirsize")); diff != "" {
		t.Error(diff)
	}
	if left := scanAll(t, b); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRemoveNeverMakesMaildirsize(t *testing.T) {
	b, dir := newBox(t, map[string]string{"new/1.a": "x"})
	require.OK(t, b.Remove(Entry{Name: "1.a"}, 1))
	if _, err := os.Stat(dir + "/maildirsize"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("maildirsize: %v", err)
	}
}

func TestQuotaTroubleDoesNotUndoARemoval(t *testing.T) {
	makers := map[string]func(path string) error{
		"fifo":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"link":      func(path string) error { return os.Symlink("elsewhere", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
	}
	for what, maker := range makers {
		b, dir := newBox(t, map[string]string{"new/1.a": "x", "elsewhere": "9S\n"})
		require.OK(t, maker(dir+"/maildirsize"))
		if fd, err := syscall.Open(dir+"/maildirsize", syscall.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
			defer syscall.Close(fd) // a FIFO that somebody reads can be opened for writing
		}
		if err := b.Remove(Entry{Name: "1.a"}, 1); !errors.Is(err, ErrQuota) {
			t.Errorf("%s: %v, want ErrQuota", what, err)
		}
		if left := scanAll(t, b); len(left) != 0 || require.File(t, dir+"/elsewhere") != "9S\n" {
			t.Errorf("%s: left %v, or a link was followed", what, left)
		}
	}
}

func BenchmarkOpenReadRemove(b *testing.B) {
	box, dir := newBox(b, nil)
	content, buf := strings.Repeat("x", 4096), []byte(nil)
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		e := Entry{Name: fmt.Sprintf("1.%d", i)}
		write(b, dir+"/new/"+e.Name, content)
		b.StartTimer()
		m, err := box.OpenMessage(e)
		require.OK(b, err)
		buf, err = m.ReadAll(buf)
		require.OK(b, err)
		m.Close()
		require.OK(b, box.Remove(m.Entry, m.Size))
	}
}
