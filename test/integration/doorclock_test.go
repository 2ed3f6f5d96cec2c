package integration

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/qmail"
	"vodmr/relay"
	"vodmr/test/kit/require"
)

// users is the database of a customer's users, asked by Postfix's socketmap protocol, as
// others ask one by SQL: a user that is made is there at once.
type users struct {
	mu    sync.Mutex
	known map[string]bool
	asked map[string]int
}

func startUsers(t testing.TB, addresses ...string) (u *users, maps string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	u = &users{known: map[string]bool{}, asked: map[string]int{}}
	for _, address := range addresses {
		u.add(address)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go u.serve(conn)
		}
	}()
	return u, "virtual_mailbox_maps = socketmap:inet:" + l.Addr().String() + ":users"
}

func (u *users) add(address string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.known[address] = true
}

// serve answers requests: a netstring `NAME KEY` each.
func (u *users) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		var n int
		if _, err := fmt.Fscanf(in, "%d:", &n); err != nil {
			return
		}
		request := make([]byte, n+1)
		if _, err := io.ReadFull(in, request); err != nil {
			return
		}
		_, key, _ := strings.Cut(string(request[:n]), " ")
		reply := "NOTFOUND "
		u.mu.Lock()
		u.asked[key]++
		if u.known[key] {
			reply = "OK inbox/"
		}
		u.mu.Unlock()
		fmt.Fprintf(conn, "%d:%s,", len(reply), reply)
	}
}

// A clockedSession is a standing session in this process, whose date the test sets.
type clockedSession struct {
	later atomic.Int64 // nanoseconds beyond the true time
	tell  *os.File
	done  chan error
}

// startClocked begins a session with the Postfix of a customer. The customer's side only
// says ATRN.
func (s *site) startClocked(t testing.TB, mx *postfix) *clockedSession {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	read, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(s.dir, "session.log"))
	if err != nil {
		t.Fatal(err)
	}
	c := &clockedSession{tell: tell, done: make(chan error, 1)}
	settings := map[string]string{}
	for _, setting := range s.settings {
		name, value, _ := strings.Cut(setting, "=")
		settings[name] = value
	}
	config := relay.Config{Conn: fdio.New(pair[0], pair[0]), Log: logline.New(int(log.Fd()), "vodmr-relay", "4711"), Host: s.host, Session: "4711",
		Login: s.login, Home: s.home, Maildir: "Maildir", Qmail: qmail.OpenHome(s.qmailHome), Queue: qmail.Queue{Home: s.qmailHome},
		Environ:    func(name string) string { return settings[name] },
		Now:        func() time.Time { return time.Now().Add(time.Duration(c.later.Load())) },
		Terminated: func() (int, error) { return int(read.Fd()), nil },
	}
	go func() {
		c.done <- relay.Serve(config)
		unix.Close(pair[0])
	}()
	file := os.NewFile(uintptr(pair[1]), "customer")
	t.Cleanup(func() {
		tell.Close()
		read.Close()
		log.Close()
		file.Close()
		if t.Failed() {
			showLog(t, log.Name())
		}
	})
	go sayATRN(file, "127.0.0.1:"+mx.port)
	return c
}

// sayATRN turns the session, and connects it to a mail server.
func sayATRN(session *os.File, server string) {
	in := bufio.NewReader(session)
	_, _ = in.ReadString('\n') // 235
	_, _ = session.WriteString("ATRN\r\n")
	if reply, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(reply, "250") {
		return
	}
	conn, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer conn.Close()
	go func() { _, _ = io.Copy(session, conn) }()
	_, _ = io.Copy(conn, in)
}

// TestDoorNewUser: a user that is made at the customer is accepted by the front within ten
// minutes, if there is a standing session. Until then the customer is not asked about it again.
func TestDoorNewUser(t *testing.T) {
	t.Parallel()
	require.Root(t, "Postfix must start as root")
	s := newSite(t).standing("VODMR_NOOP=1")
	s.owner = account{0, 0} // the session runs in this process
	if err := filepath.WalkDir(s.domains, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, 0, 0))
	}); err != nil {
		t.Fatal(err)
	}
	door := s.openDoor(t)
	customers, maps := startUsers(t, "bob@"+s.domain)
	mx := startPostfix(t, s.domain, maps)
	front := startAskingFront(t, s, door)
	c := s.startClocked(t, mx)
	s.deliver(t, "ann@sender.test", "first\n", "bob@"+s.domain)
	eventually(t, time.Minute, "it is sent", func() bool { return len(s.waiting(t)) == 0 })
	want := func(reply string) {
		t.Helper()
		if got := rcpt(t, front, "new@"+s.domain); !strings.HasPrefix(got, reply) {
			t.Errorf("after %v the front says %q, want %q", time.Duration(c.later.Load()), got, reply)
		}
	}
	asked := func() int {
		customers.mu.Lock()
		defer customers.mu.Unlock()
		return customers.asked["new@"+s.domain]
	}
	want("550 5.1.1 ")
	first := asked()
	customers.add("new@" + s.domain)
	c.later.Store(int64(9 * time.Minute))
	want("550 5.1.1 ")
	if n := asked(); n != first || first == 0 {
		t.Errorf("the customer was asked %d times, then %d times", first, n)
	}
	c.later.Store(int64(10 * time.Minute))
	want("250")
	askedLater := asked()
	c.later.Store(int64(69 * time.Minute)) // an acceptance is good for an hour
	want("250")
	if n := asked(); n != askedLater || askedLater == first {
		t.Errorf("the customer was asked %d times, then %d and %d times", first, askedLater, n)
	}
	c.later.Store(int64(71 * time.Minute))
	want("250")
	if n := asked(); n == askedLater {
		t.Errorf("after an hour the customer was not asked again")
	}
	_, _ = c.tell.Write([]byte{0})
	if err := <-c.done; err != nil {
		t.Errorf("the session ends with %v", err)
	}
}
