package sys

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOpenFollowsNoLink: neither does it wait for a FIFO's writer.
func TestOpenFollowsNoLink(t *testing.T) {
	path := t.TempDir()
	dir, err := Open(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY|Safely, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(dir, -1)
	if err := os.WriteFile(path+"/file", []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", path+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"file": true, "link": false, "fifo": true, "none": false} {
		fd, err := Open(dir, name, unix.O_RDONLY|Safely, 0)
		if (err == nil) != want || IsOther(dir, name) != (name == "link" || name == "fifo") {
			t.Errorf("%s: %v, other than a regular file: %v", name, err, IsOther(dir, name))
		}
		Close(fd)
	}
	if target, err := ReadLink(dir, "link"); target != "file" || err != nil {
		t.Errorf("the link says %q, %v", target, err)
	}
}

// TestReadAllocatesNothing: a message's read costs one system call and no garbage.
func TestReadAllocatesNothing(t *testing.T) {
	file, err := os.Open("sys_test.go")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, buf := int(file.Fd()), make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() { ReadAt(fd, buf, 0) }); n != 0 {
		t.Errorf("ReadAt allocates %v times", n)
	}
	var st unix.Stat_t
	if n := testing.AllocsPerRun(100, func() { Stat(fd, &st) }); n != 0 {
		t.Errorf("Stat allocates %v times", n)
	}
}

// TestJoin: a name below a directory, or an absolute one.
func TestJoin(t *testing.T) {
	for _, test := range [][3]string{{"/home", "./Maildir", "/home/Maildir"}, {"/home/", "a", "/home/a"}, {"/home", "/abs", "/abs"}, {"", "a", "a"}} {
		if got := Join(test[0], test[1]); got != test[2] {
			t.Errorf("Join(%q, %q) = %q, want %q", test[0], test[1], got, test[2])
		}
	}
}

// TestInPlace: a name may lead elsewhere, or nowhere; a call that fails says neither.
func TestInPlace(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"file", "other"} {
		if err := os.WriteFile(path+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir, err1 := unix.Open(path, unix.O_RDONLY, 0)
	fd, err2 := unix.Open(path+"/file", unix.O_RDONLY, 0)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	defer Close(dir, fd)
	for _, test := range []struct {
		fd, dir int
		name    string
		is      bool
		err     error
	}{
		{fd, dir, "file", true, nil}, {fd, dir, "other", false, nil}, {fd, dir, "none", false, nil},
		{1 << 20, dir, "file", false, unix.EBADF}, {fd, fd, "file", false, unix.ENOTDIR},
	} {
		if is, err := InPlace(test.fd, test.dir, test.name); is != test.is || err != test.err {
			t.Errorf("%s: %v, %v", test.name, is, err)
		}
	}
}
