package keeper

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/ucspi"
)

// socketPair gives two descriptors beyond the first three.
func socketPair(t *testing.T) (ours, theirs int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// TestFindWrapper: only whole numbers of descriptors beyond the first three count, and a
// wrapper without one of them is never open.
func TestFindWrapper(t *testing.T) {
	ours, theirs := socketPair(t)
	defer unix.Close(ours)
	defer unix.Close(theirs)
	fd := strconv.Itoa(ours)
	for _, test := range []struct {
		control, read, write string
		found, open          bool
	}{
		{"", fd, fd, false, false},
		{fd, fd, fd, true, true},
		{fd, "", fd, true, false},
		{fd, fd, "2", true, false},
		{"1", fd, fd, true, false},
		{"x", fd, fd, true, false},
	} {
		w := FindWrapper(func(name string) string {
			return map[string]string{ucspi.Control: test.control, ucspi.Read: test.read, ucspi.Write: test.write}[name]
		})
		if found := w != nil; found != test.found || found && w.Open() != test.open {
			t.Errorf("%q %q %q: found %v", test.control, test.read, test.write, found)
		}
	}
	unix.Close(theirs)
	if w := (&Wrapper{control: ours}); w.Open() {
		t.Error("it is open though its other end is closed")
	}
}

// TestWrapperBegins: the wrapper is asked by `Y', its variables are handed on, and the
// connection inside TLS becomes descriptors 0 and 1. The test gives the real ones back.
func TestWrapperBegins(t *testing.T) {
	control, wrapper := socketPair(t)
	inside, customer := socketPair(t)
	second, err := unix.Dup(inside)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(wrapper, ucspi.Encode([]string{"SSL_PROTOCOL=TLSv1.3", "PATH=/tmp"})); err != nil {
		t.Fatal(err)
	}
	restore := keep01(t)
	w := &Wrapper{control: control, read: inside, write: second}
	variables, err := w.Begin(time.Now().Add(time.Minute))
	if err == nil {
		_, err = fdio.New(0, 1).Write([]byte("hello"))
	}
	restore()
	if err != nil {
		t.Fatal(err)
	}
	asked, heard := make([]byte, 10), make([]byte, 10)
	a, _ := unix.Read(wrapper, asked)
	h, _ := unix.Read(customer, heard)
	if string(asked[:a]) != "Y" || string(heard[:h]) != "hello" {
		t.Errorf("the wrapper got %q, the customer %q", asked[:a], heard[:h])
	}
	if diff := cmp.Diff([]string{"SSL_PROTOCOL=TLSv1.3"}, variables); diff != "" {
		t.Error(diff)
	}
	unix.Close(wrapper)
	unix.Close(customer)
}

// keep01 returns what puts descriptors 0 and 1 back.
func keep01(t *testing.T) (restore func()) {
	t.Helper()
	var kept [2]int
	for fd := range kept {
		copied, err := unix.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		kept[fd] = copied
	}
	return func() {
		for fd, copied := range kept {
			_ = unix.Dup2(copied, fd)
			unix.Close(copied)
		}
	}
}

// TestWrapperFails: a wrapper that is gone, or shakes no hands, is an error, and 0 and 1
// stay as they are.
func TestWrapperFails(t *testing.T) {
	control, wrapper := socketPair(t)
	defer unix.Close(control)
	if err := unix.Shutdown(wrapper, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	w := &Wrapper{control: control, read: control, write: control}
	if _, err := w.Begin(time.Now().Add(time.Minute)); !errors.Is(err, ucspi.ErrNoHandshake) {
		t.Errorf("no handshake: %v", err)
	}
	unix.Close(wrapper)
	if _, err := w.Begin(time.Now().Add(time.Minute)); err == nil {
		t.Error("the wrapper is gone, and there is no error")
	}
}
