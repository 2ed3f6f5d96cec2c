package door

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/relay/spool/history"
	"vodmr/test/kit/require"
)

const domain = "example.org"

// A session serves a door as a standing session does, until the test ends.
type session struct {
	*Server
	asked []string
	dir   string
}

// serve answers: local parts that begin with "no" are unknown.
func serve(t *testing.T, dir string, now func() time.Time) *session {
	t.Helper()
	server, err := Listen(dir, []string{domain}, now)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{Server: server, dir: dir}
	stop := make(chan bool)
	done := make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				s.turn()
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
		server.Close()
	})
	return s
}

func (s *session) turn() {
	fdio.Readable(time.Now().Add(5*time.Millisecond), s.FDs()...)
	s.Work()
	for _, normal := range s.Questions(10) {
		s.asked = append(s.asked, normal)
		verdict := Yes
		if strings.HasPrefix(normal, "no") {
			verdict = No
		}
		s.Answer(normal, Answer{verdict, "for " + normal})
	}
}

func client(dir string) *Client {
	c := NewClient(dir)
	c.Patience = time.Second
	return c
}

// want asks and compares.
func want(t *testing.T, c *Client, address string, refuse bool, source string) Opinion {
	t.Helper()
	opinion := c.Ask(address)
	if opinion.Refuse != refuse || opinion.Source != source {
		t.Errorf("%s: %+v, want %v by %s", address, opinion, refuse, source)
	}
	return opinion
}

// TestAsk: a standing session decides.
func TestAsk(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, time.Now)
	c := client(dir)
	if o := want(t, c, "nobody@Example.org", true, "session"); o.Words != "for nobody@example.org" {
		t.Errorf("%+v", o)
	}
	want(t, c, "bob@example.org", false, "session")
	for _, unusual := range []string{"no", "no@", "@example.org", "no@../example.org", "no\n@example.org", "no@other.org",
		strings.Repeat("n", 500) + "@example.org", "no@.example.org", ""} {
		want(t, c, unusual, false, "none")
	}
}

// TestFaults: whatever is wrong with the door, the answer is yes.
func TestFaults(t *testing.T) {
	now := time.Now
	learn := func(t *testing.T, dir string) {
		if err := history.NewRecipients(dir, domain, now).Refused("nobody@example.org", "gone"); err != nil {
			t.Fatal(err)
		}
	}
	answers := func(text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { serves(t, dir, func(w io.Writer) { _, _ = io.WriteString(w, text) }) }
	}
	for name, test := range map[string]struct {
		make   func(t *testing.T, dir string)
		refuse bool
		source string
	}{
		"nothing there":    {func(*testing.T, string) {}, false, "none"},
		"only learnt":      {learn, true, "learnt"},
		"no folder":        {func(t *testing.T, dir string) { os.RemoveAll(dir) }, false, "none"},
		"hangs":            {func(t *testing.T, dir string) { learn(t, dir); listening(t, dir) }, false, "none"},
		"says nothing":     {answers(""), false, "none"},
		"half an answer":   {answers("no hal"), false, "none"},
		"odd answer":       {answers("maybe so\n"), false, "none"},
		"byte by byte":     {func(t *testing.T, dir string) { serves(t, dir, drip("no gone\n")) }, true, "session"},
		"very long":        {answers("no " + strings.Repeat("x", 5000)), false, "none"},
		"dead session":     {func(t *testing.T, dir string) { learn(t, dir); deadSocket(t, dir) }, true, "learnt"},
		"regular file":     {func(t *testing.T, dir string) { _ = os.WriteFile(filepath.Join(dir, domain), nil, 0o600) }, false, "none"},
		"learnt is a link": {func(t *testing.T, dir string) { _ = os.Symlink("/dev/zero", filepath.Join(dir, "learnt@"+domain)) }, false, "none"},
		"learnt is a fifo": {func(t *testing.T, dir string) { _ = unix.Mkfifo(filepath.Join(dir, "learnt@"+domain), 0o600) }, false, "none"},
		"learnt is garbage": {func(t *testing.T, dir string) {
			_ = os.WriteFile(filepath.Join(dir, "learnt@"+domain), []byte("\x00no nobody@example.org\n1 2"), 0o600)
		}, false, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.make(t, dir)
			want(t, client(dir), "nobody@example.org", test.refuse, test.source)
		})
	}
}

func listening(t *testing.T, dir string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, domain)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serves answers one question in a way of its own. The channel is closed when the connection
// is.
func serves(t *testing.T, dir string, answer func(io.Writer)) <-chan bool {
	t.Helper()
	l, closed := listening(t, dir), make(chan bool)
	go func() {
		defer close(closed)
		if conn, err := l.Accept(); err == nil {
			_, _ = conn.Read(make([]byte, 1000))
			answer(conn)
			conn.Close()
		}
	}()
	return closed
}

// drip says a text byte by byte.
func drip(text string) func(io.Writer) {
	return func(w io.Writer) {
		for i := range len(text) {
			if _, err := w.Write([]byte{text[i]}); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestPatience: a session that hangs, or that answers without an end, is left after the asker's
// patience, which every byte does not renew. Then the answer is yes, whatever was learnt.
func TestPatience(t *testing.T) {
	if Patience != 3*time.Second || NewClient("").Patience != Patience {
		t.Errorf("programs wait for %v", NewClient("").Patience)
	}
	for name, test := range map[string]struct {
		answer func(io.Writer)
		err    error
	}{
		"hangs":          {func(w io.Writer) { _, _ = w.(net.Conn).Read(make([]byte, 1)) }, fdio.ErrTimeout},
		"hangs half-way": {func(w io.Writer) { _, _ = io.WriteString(w, "no go"); _, _ = w.(net.Conn).Read(make([]byte, 1)) }, fdio.ErrTimeout},
		"byte by byte": {func(w io.Writer) {
			for err := error(nil); err == nil; time.Sleep(5 * time.Millisecond) {
				_, err = io.WriteString(w, "n")
			}
		}, fdio.ErrTimeout},
		"endless": {func(w io.Writer) {
			for err := error(nil); err == nil; {
				_, err = io.WriteString(w, strings.Repeat("no ", 1000))
			}
		}, errAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := history.NewRecipients(dir, domain, time.Now).Refused("nobody@example.org", "gone"); err != nil {
				t.Fatal(err)
			}
			closed := serves(t, dir, test.answer)
			c := NewClient(dir)
			c.Patience = 100 * time.Millisecond
			if o := want(t, c, "nobody@example.org", false, "none"); !errors.Is(o.Err, test.err) {
				t.Errorf("the error is %v, want %v", o.Err, test.err)
			}
			<-closed // it was the asker that went
		})
	}
}

// An endless answer comes in pieces of a size, and has no end of line.
type endless struct{ size, read int }

func (*endless) Write(p []byte) (int, error) { return len(p), nil }

func (e *endless) Read(p []byte) (int, error) {
	n := min(e.size, len(p))
	e.read += copy(p, strings.Repeat("n", n))
	return n, nil
}

// TestAnswerIsBounded: of an answer without an end little is read, and none of it kept.
func TestAnswerIsBounded(t *testing.T) {
	for _, size := range []int{1, 7, MaxWords, 1 << 20} {
		e := &endless{size: size}
		if _, err := exchange(e, "nobody@example.org"); err != errAnswer || e.read > 4*MaxWords {
			t.Errorf("in pieces of %d: %v after %d bytes", size, err, e.read)
		}
	}
}

// deadSocket leaves the socket of a session that was killed.
func deadSocket(t *testing.T, dir string) {
	t.Helper()
	l, err := listen(dir, domain)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(l.fd)
}

// TestDeadSocketIsReplaced: and the one of a session that lives is left alone by the end of
// another.
func TestDeadSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	deadSocket(t, dir)
	old, err := Listen(dir, []string{domain}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, dir, time.Now)
	old.Close()
	want(t, client(dir), "nobody@example.org", true, "session")
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left: %v", names)
	}
}

// TestWrongOwner: a socket that belongs neither to root nor to the owner of the folder is not
// asked.
func TestWrongOwner(t *testing.T) {
	require.Root(t, "another user's socket is wanted")
	dir := t.TempDir()
	serve(t, dir, time.Now)
	if err := os.Lchown(filepath.Join(dir, domain), 4711, 4711); err != nil {
		t.Fatal(err)
	}
	if o := want(t, client(dir), "nobody@example.org", false, "none"); !errors.Is(o.Err, errOwner) {
		t.Errorf("%v", o.Err)
	}
}

// TestWhoMayAsk: the socket has the folder's group and is nobody else's.
func TestWhoMayAsk(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, time.Now)
	st, err := os.Stat(filepath.Join(dir, domain))
	if err != nil || st.Mode().Perm() != socketMode {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

// TestCache: the same question is passed on once, until its answer is too old or somebody
// has changed what is known.
func TestCache(t *testing.T) {
	dir := t.TempDir()
	s, err := Listen(dir, []string{domain}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var clock time.Time
	s.date = func() time.Time { return clock }
	changed := false
	s.Changed = func(string) bool { return changed }
	passed := func(address string) bool {
		t.Helper()
		fd, err := connect(filepath.Join(dir, domain))
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if _, err := unix.Write(fd, []byte(address+"\n")); err != nil {
			t.Fatal(err)
		}
		s.Work()
		s.Work()
		list := s.Questions(10)
		if len(list) > 0 {
			s.Answer(list[0], Answer{map[bool]Verdict{true: No, false: Yes}[strings.HasPrefix(address, "no")], ""})
		}
		return len(list) > 0
	}
	for i, step := range []struct {
		later   time.Duration
		address string
		changed bool
		passed  bool
	}{
		{0, "no@example.org", false, true},
		{keepNo - 1, "no@example.org", false, false},
		{1, "no@example.org", false, true},
		{1, "yes@example.org", false, true},
		{keepYes - 1, "yes@example.org", false, false},
		{0, "yes@example.org", true, true},
		{keepYes, "yes@example.org", false, true},
	} {
		clock, changed = clock.Add(step.later), step.changed
		if got := passed(step.address); got != step.passed {
			t.Errorf("step %d: passed on: %v", i, got)
		}
	}
	for i := range 3 * maxCached {
		passed(fmt.Sprintf("no%d@example.org", i))
	}
	if len(s.cache.answers) > maxCached || len(s.cache.order) > maxCached {
		t.Errorf("%d answers are kept", len(s.cache.answers))
	}
}

// TestBounded: askers that say nothing, too much or too often cost little and are dropped.
func TestBounded(t *testing.T) {
	dir := t.TempDir()
	s, err := Listen(dir, []string{domain}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start := time.Now()
	clock := start
	s.now = func() time.Time { return clock }
	var fds []int
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for i := range 3 * maxAskers {
		fd, err := connect(filepath.Join(dir, domain))
		if err != nil {
			t.Fatal(i, err)
		}
		fds = append(fds, fd)
		_, _ = unix.Write(fd, []byte(strings.Repeat("x", i%600)))
		s.Work()
	}
	if len(s.askers) == 0 || len(s.askers) > maxAskers {
		t.Errorf("%d askers", len(s.askers))
	}
	for _, a := range s.askers {
		if len(a.line) > maxQuestion {
			t.Errorf("%d bytes are held", len(a.line))
		}
	}
	if s.Waiting() || len(s.Questions(10)) > 0 {
		t.Error("there are questions")
	}
	clock = s.NextExpiry()
	if clock.Sub(start) > maxSilence {
		t.Errorf("due in %v", clock.Sub(start))
	}
	clock = clock.Add(maxSilence)
	if s.Work(); len(s.askers) > 0 {
		t.Errorf("%d askers stay", len(s.askers))
	}
}

// TestEachDomain: a flood of questions about one domain does not keep another's from being
// taken.
func TestEachDomain(t *testing.T) {
	dir := t.TempDir()
	domains := []string{"a.org", "b.org", "c.org"}
	s, err := Listen(dir, domains, time.Now)
	require.OK(t, err)
	defer s.Close()
	asks := func(domain string) {
		fd, err := connect(filepath.Join(dir, domain))
		require.OK(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		_, err = unix.Write(fd, []byte("bob@"+domain+"\n"))
		require.OK(t, err)
	}
	for range 4 * maxAccepts {
		asks("b.org")
	}
	asks("a.org")
	asks("c.org")
	s.Work()
	count := map[string]int{}
	for _, a := range s.askers {
		count[a.domain]++
	}
	if count["a.org"] != 1 || count["b.org"] != maxAccepts-2 || count["c.org"] != 1 {
		t.Errorf("taken at once: %v", count)
	}
}

// TestFolderFull: a socket that cannot be made is an error, and the rest works.
func TestFolder(t *testing.T) {
	if s, err := Listen(filepath.Join(t.TempDir(), "none"), []string{domain}, time.Now); err == nil || len(s.FDs()) > 0 {
		t.Errorf("no folder: %v", err)
	}
	long := strings.Repeat("a", 63) + "." + strings.Repeat("b", 60) + ".org"
	if s, err := Listen(t.TempDir(), []string{domain, long}, time.Now); err == nil || len(s.FDs()) != 1 {
		t.Errorf("long: %v", err)
	}
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprintf("d%d.org", i)
	}
	s, err := Listen(t.TempDir(), many, time.Now)
	if !errors.Is(err, errManyDomains) || len(s.FDs()) != maxDomains {
		t.Errorf("many: %v", err)
	}
	s.Close()
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"  a \r\n b\t":           "a ?? b?",
		"\xff\x00é":              "????",
		strings.Repeat("x", 300): strings.Repeat("x", MaxWords),
	} {
		if got := Words(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
