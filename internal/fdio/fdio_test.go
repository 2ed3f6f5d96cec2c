package fdio

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socketpair makes a connected pair; both ends are closed when the test ends.
func socketpair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, fds[0], fds[1])
	return fds[0], fds[1]
}

func pipe(t *testing.T) (r, w int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, fds[0], fds[1])
	return fds[0], fds[1]
}

// closeAtEnd closes what the test has not closed itself by shut.
func closeAtEnd(t *testing.T, fds ...int) {
	t.Cleanup(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
}

// shut closes one end now; its number leads to nothing until the test ends.
func shut(t *testing.T, fd int) {
	t.Helper()
	null, err := unix.Open("/dev/null", unix.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	if err := unix.Dup2(null, fd); err != nil {
		t.Fatal(err)
	}
}

// kinds are the descriptors that a chain of programs may have: a connection to
// and from a peer; the test holds the ends.
func kinds(t *testing.T, test func(t *testing.T, c *Conn, peerReads, peerWrites int)) {
	t.Run("socket", func(t *testing.T) {
		a, b := socketpair(t)
		test(t, New(a, a), b, b)
	})
	t.Run("pipes", func(t *testing.T) {
		r, peerWrites := pipe(t)
		peerReads, w := pipe(t)
		test(t, New(r, w), peerReads, peerWrites)
	})
}

// TestExchange: what goes one way and the other, at once and alone.
func TestExchange(t *testing.T) {
	kinds(t, func(t *testing.T, c *Conn, peerReads, peerWrites int) {
		in := make([]byte, 100)
		if wrote, read, err := c.Exchange([]byte("hello"), in); wrote != 5 || read != 0 || err != nil {
			t.Errorf("nothing to read: %d, %d, %v", wrote, read, err)
		}
		if err := WriteAll(peerWrites, []byte("welcome")); err != nil {
			t.Fatal(err)
		}
		wrote, read, err := c.Exchange([]byte(", you"), in)
		if wrote != 5 || string(in[:read]) != "welcome" || err != nil {
			t.Errorf("both ways: %d, %q, %v", wrote, in[:read], err)
		}
		if err := WriteAll(peerWrites, []byte("more")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(in[:2]); string(in[:n]) != "mo" || err != nil {
			t.Errorf("Read: %q, %v", in[:n], err)
		}
		if n, err := c.Write([]byte("!")); n != 1 || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
		if n, err := unix.Read(peerReads, in); string(in[:n]) != "hello, you!" || err != nil {
			t.Errorf("the peer got %q, %v", in[:n], err)
		}
	})
}

// TestEnd: what came before the end is read first, and the end stays.
func TestEnd(t *testing.T) {
	kinds(t, func(t *testing.T, c *Conn, peerReads, peerWrites int) {
		if err := WriteAll(peerWrites, []byte("bye")); err != nil {
			t.Fatal(err)
		}
		shut(t, peerWrites)
		got, err := io.ReadAll(c)
		if string(got) != "bye" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("behind the end: %d, %v", n, err)
		}
	})
}

// TestPeerGone: writing to nobody is an error that says so, and what the peer
// said before can still be read.
func TestPeerGone(t *testing.T) {
	kinds(t, func(t *testing.T, c *Conn, peerReads, peerWrites int) {
		if err := WriteAll(peerWrites, []byte("421 bye")); err != nil {
			t.Fatal(err)
		}
		shut(t, peerReads)
		shut(t, peerWrites)
		in := make([]byte, 100)
		wrote, read, err := c.Exchange([]byte("x"), in)
		var failed *WriteError
		if wrote != 0 || string(in[:read]) != "421 bye" || !errors.As(err, &failed) || !errors.Is(err, unix.EPIPE) {
			t.Errorf("Exchange: %d, %q, %v", wrote, in[:read], err)
		}
		if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, unix.EPIPE) {
			t.Errorf("Write: %d, %v", n, err)
		}
	})
}

// TestBrokenPipeDoesNotKill: the same on descriptor 1, which os.Stdout would end a
// Go program. A child process tells.
func TestBrokenPipeDoesNotKill(t *testing.T) {
	if os.Getenv("FDIO_CHILD") != "" {
		_, err := New(0, 1).Write([]byte("x"))
		if !errors.Is(err, unix.EPIPE) {
			os.Exit(3)
		}
		_ = WriteAll(2, []byte("alive"))
		os.Exit(0)
	}
	for _, kind := range []string{"pipe", "socket"} {
		r, w := pipe(t)
		if kind == "socket" {
			r, w = socketpair(t)
		}
		child := exec.Command(os.Args[0], "-test.run=^TestBrokenPipeDoesNotKill$")
		child.Env = append(os.Environ(), "FDIO_CHILD=1")
		out := os.NewFile(uintptr(dup(t, w)), "out")
		child.Stdout = out
		var said bytes.Buffer
		child.Stderr = &said
		shut(t, r)
		shut(t, w)
		if err := child.Run(); err != nil || said.String() != "alive" {
			t.Errorf("%s: the child ended with %v, said %q", kind, err, said.String())
		}
		out.Close()
	}
}

func dup(t *testing.T, fd int) int {
	t.Helper()
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDeadline: a Read and a Write that can do nothing end at the deadline, with
// one that has passed at once; without need of waiting it does not matter.
func TestDeadline(t *testing.T) {
	kinds(t, func(t *testing.T, c *Conn, peerReads, peerWrites int) {
		for _, deadline := range []time.Duration{-time.Hour, 20 * time.Millisecond} {
			c.SetDeadline(time.Now().Add(deadline))
			_, err := c.Read(make([]byte, 1))
			var timeout interface{ Timeout() bool }
			if err != ErrTimeout || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%v: Read returned %v", deadline, err)
			}
			if time.Until(c.deadline) > 0 {
				t.Errorf("%v: returned before the deadline", deadline)
			}
		}
		big := bytes.Repeat([]byte("x"), 8<<20)
		n, err := c.Write(big)
		if err != ErrTimeout || n == 0 || n == len(big) {
			t.Errorf("Write of what does not fit: %d, %v", n, err)
		}
		if wrote, read, err := c.Exchange(big, make([]byte, 1)); wrote != 0 || read != 0 || err != ErrTimeout {
			t.Errorf("Exchange: %d, %d, %v", wrote, read, err)
		}
		if err := WriteAll(peerWrites, []byte("y")); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("Read of what is there: %d, %v", n, err)
		}
	})
}

// TestTimeoutMilliseconds: poll's argument never cuts the wait short, and is never
// longer than a glance.
func TestTimeoutMilliseconds(t *testing.T) {
	c := &Conn{}
	if ms, last := c.timeout(); ms != 15_000 || last {
		t.Errorf("no deadline: %d, %v", ms, last)
	}
	for _, test := range []struct {
		left     time.Duration
		min, max int
		last     bool
	}{
		{-time.Second, 0, 0, true},
		{10 * time.Second, 1, 10_000, true},
		{30 * time.Second, 15_000, 15_000, false},
		{time.Hour, 15_000, 15_000, false},
	} {
		c.deadline = time.Now().Add(test.left)
		if ms, last := c.timeout(); ms < test.min || ms > test.max || last != test.last {
			t.Errorf("%v left: %d, %v", test.left, ms, last)
		}
	}
}

// TestDrained: a peer that reads a little now and then gets everything, although
// the descriptor blocks and its buffer is full all the time.
func TestDrained(t *testing.T) {
	kinds(t, func(t *testing.T, c *Conn, peerReads, peerWrites int) {
		want := bytes.Repeat([]byte("0123456789abcde\n"), 20<<10)
		c.SetDeadline(time.Now().Add(time.Minute))
		got := make(chan []byte)
		go func() {
			var all []byte
			piece := make([]byte, 700)
			for len(all) < len(want) {
				n, err := unix.Read(peerReads, piece)
				if err == unix.EINTR {
					continue
				}
				if err != nil || n == 0 {
					break
				}
				all = append(all, piece[:n]...)
			}
			got <- all
		}()
		if n, err := c.Write(want); n != len(want) || err != nil {
			t.Fatalf("Write: %d of %d, %v", n, len(want), err)
		}
		if all := <-got; !bytes.Equal(all, want) {
			t.Errorf("the peer got %d bytes of %d", len(all), len(want))
		}
	})
}

// TestNeverBlocks: with room for a little a write takes a little. A write of all
// would block beyond any deadline, since the descriptor is a blocking one.
func TestNeverBlocks(t *testing.T) {
	kinds(t, func(t *testing.T, c *Conn, peerReads, peerWrites int) {
		big := bytes.Repeat([]byte("x"), 4<<20)
		fill := func() int {
			c.SetDeadline(time.Now().Add(-time.Second))
			done := make(chan int, 1)
			go func() {
				n, err := c.Write(big)
				if err != ErrTimeout {
					n = -1
				}
				done <- n
			}()
			select {
			case n := <-done:
				return n
			case <-time.After(time.Minute):
				t.Fatal("a write blocks beyond its deadline")
				return 0
			}
		}
		if n := fill(); n <= 0 {
			t.Fatalf("%d bytes fit at first", n)
		}
		more := 0
		for range 40 {
			if _, err := unix.Read(peerReads, make([]byte, 5000)); err != nil {
				t.Fatal(err)
			}
			n := fill()
			if n < 0 {
				t.Fatal("a write failed")
			}
			more += n
		}
		if more == 0 {
			t.Error("nothing was taken after the peer had read")
		}
	})
}

// TestHungUp: the end shows as soon as it is there, before what the peer said last is
// read, and nothing else does.
func TestHungUp(t *testing.T) {
	kinds(t, func(t *testing.T, c *Conn, peerReads, peerWrites int) {
		if c.HungUp() {
			t.Error("the peer is there")
		}
		if err := WriteAll(peerWrites, []byte("bye")); err != nil {
			t.Fatal(err)
		}
		if c.HungUp() {
			t.Error("the peer said something, and is there")
		}
		shut(t, peerWrites)
		shut(t, peerReads)
		if !c.HungUp() && runtime.GOOS == "linux" {
			t.Error("unseen while something is to be read")
		}
		got, err := io.ReadAll(c)
		if string(got) != "bye" || err != nil || !c.HungUp() {
			t.Errorf("%q, %v; or unseen when all is read", got, err)
		}
	})
}

// TestHungUpHalf: a peer that only closes what it speaks by will never answer.
func TestHungUpHalf(t *testing.T) {
	a, b := socketpair(t)
	if err := unix.Shutdown(b, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if !New(a, a).HungUp() {
		t.Error("unseen")
	}
}

// TestPending: bytes that nobody asked for; the end is none.
func TestPending(t *testing.T) {
	kinds(t, func(t *testing.T, c *Conn, peerReads, peerWrites int) {
		if c.Pending() {
			t.Error("nothing was sent")
		}
		if err := WriteAll(peerWrites, []byte("ab")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if !c.Pending() {
				t.Error("something was sent")
			}
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		shut(t, peerWrites)
		if c.Pending() {
			t.Error("the end counts")
		}
	})
}

// TestFiles: a chain may run with files for descriptors.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.WriteFile(in, []byte("QUIT\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := unix.Open(in, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w, err := unix.Open(filepath.Join(dir, "out"), unix.O_WRONLY|unix.O_CREAT, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, r, w)
	c := New(r, w)
	c.SetDeadline(time.Now().Add(time.Minute))
	if !c.Pending() {
		t.Error("the file has bytes")
	}
	if got, err := io.ReadAll(c); string(got) != "QUIT\r\n" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	want := strings.Repeat("250 ok\r\n", 1000)
	if n, err := c.Write([]byte(want)); n != len(want) || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "out")); string(got) != want {
		t.Errorf("the file has %d bytes, want %d", len(got), len(want))
	}
}

// TestFlags: the open file belongs to other processes too, and its flags stay.
func TestFlags(t *testing.T) {
	kinds(t, func(t *testing.T, c *Conn, peerReads, peerWrites int) {
		flags := func() [2]int {
			var f [2]int
			for i, fd := range []int{c.r, c.w} {
				n, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
				if err != nil {
					t.Fatal(err)
				}
				f[i] = n
			}
			return f
		}
		before := flags()
		if before[0]&unix.O_NONBLOCK != 0 || before[1]&unix.O_NONBLOCK != 0 {
			t.Fatal("the test's descriptors do not block")
		}
		c = New(c.r, c.w)
		check := func(after string) {
			t.Helper()
			if flags() != before {
				t.Errorf("%s changed the flags from %o to %o", after, before, flags())
			}
		}
		check("New")
		c.SetDeadline(time.Now().Add(-time.Second))
		c.Read(make([]byte, 1))
		check("Read")
		c.Write(bytes.Repeat([]byte("x"), 1<<20))
		check("Write")
		c.Pending()
		KeepAlive(c.r)
		check("KeepAlive")
	})
}

// TestBadDescriptor: an error, not a wait.
func TestBadDescriptor(t *testing.T) {
	c := New(-1, 9999)
	c.SetDeadline(time.Now().Add(-time.Second))
	if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, unix.EBADF) {
		t.Errorf("Write: %d, %v", n, err)
	}
	if err := WriteAll(9999, []byte("x")); !errors.Is(err, unix.EBADF) {
		t.Errorf("WriteAll: %v", err)
	}
	if New(9999, 9999).Pending() {
		t.Error("something is pending")
	}
}

// TestWake: a descriptor that Wake named ends each wait with nothing done, whatever
// else is ready.
func TestWake(t *testing.T) {
	a, b := socketpair(t)
	r, w := pipe(t)
	c := New(a, a)
	c.Wake(r)
	if _, err := unix.Write(b, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if n, err := c.Read(buf); n != 5 || err != nil {
		t.Errorf("with nothing to wake it, Read got %d bytes, %v", n, err)
	}
	if _, err := unix.Write(w, []byte{0}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(b, []byte("again")); err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"Exchange": func() error { _, _, err := c.Exchange([]byte("x"), buf); return err },
		"Read":     func() error { _, err := c.Read(buf); return err },
		"Write":    func() error { _, err := c.Write([]byte("x")); return err },
	} {
		if err := do(); !errors.Is(err, ErrWoken) {
			t.Errorf("%s: %v, want %v", what, err, ErrWoken)
		}
	}
	c.Wake()
	if n, err := c.Read(buf); n != 5 || err != nil {
		t.Errorf("without Wake, Read got %d bytes, %v", n, err)
	}
}

// TestDeadLine: a line that is dead is noticed, however often the wait for it is
// ended by something else; one that was quiet for a moment only is not asked about.
func TestDeadLine(t *testing.T) {
	a, _ := socketpair(t)
	r, w := pipe(t)
	if _, err := unix.Write(w, []byte{0}); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Second)
	for name, test := range map[string]struct {
		quiet time.Duration
		alive bool
		wake  []int
		want  error
	}{
		"woken, dead":              {quiet: glance, wake: []int{r}, want: errSilent},
		"woken, alive":             {quiet: glance, alive: true, wake: []int{r}, want: ErrWoken},
		"woken, quiet a moment":    {wake: []int{r}, want: ErrWoken},
		"deadline, dead":           {quiet: glance, want: errSilent},
		"deadline, alive":          {quiet: glance, alive: true, want: ErrTimeout},
		"deadline, quiet a moment": {want: ErrTimeout},
	} {
		c := New(a, a)
		c.silent = func(int) bool { return !test.alive }
		c.Wake(test.wake...)
		_ = c.SetDeadline(past)
		if test.quiet > 0 {
			c.quiet = time.Now().Add(-test.quiet)
		}
		if _, err := c.Read(make([]byte, 1)); err != test.want {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// TestQuiet: it lasts from the first wait on, through all that end it but bytes.
func TestQuiet(t *testing.T) {
	a, b := socketpair(t)
	r, w := pipe(t)
	c := New(a, a)
	c.Wake(r)
	if _, err := unix.Write(w, []byte{0}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1)
	_, _ = c.Read(buf)
	began := c.quiet
	_, _ = c.Read(buf)
	if began.IsZero() || !c.quiet.Equal(began) {
		t.Errorf("quiet since %v, then since %v", began, c.quiet)
	}
	c.Wake()
	if _, err := unix.Write(b, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(buf); n != 1 || err != nil || !c.quiet.IsZero() {
		t.Errorf("after %d bytes (%v): quiet since %v", n, err, c.quiet)
	}
	c.quiet = began
	if _, err := c.Rest(time.Now()); err != nil || !c.quiet.IsZero() {
		t.Errorf("a rest (%v) counts as quiet since %v", err, c.quiet)
	}
}

// TestRest ends for bytes, for the end of the stream, for Wake's sake and in time.
func TestRest(t *testing.T) {
	long := time.Now().Add(time.Hour)
	a, b := socketpair(t)
	r, w := pipe(t)
	c := New(a, a)
	c.Wake(r)
	if readable, err := c.Rest(time.Now().Add(time.Millisecond)); readable || err != nil {
		t.Errorf("in time: %v, %v", readable, err)
	}
	go unix.Write(w, []byte{0})
	if readable, err := c.Rest(long); readable || err != nil {
		t.Errorf("woken: %v, %v", readable, err)
	}
	if _, err := unix.Read(r, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	go unix.Write(b, []byte("x"))
	if readable, err := c.Rest(long); !readable || err != nil {
		t.Errorf("bytes: %v, %v", readable, err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	shut(t, b)
	if readable, err := c.Rest(long); !readable || err != nil {
		t.Errorf("the end: %v, %v", readable, err)
	}
}
