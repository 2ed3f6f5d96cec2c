package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodmr/test/kit/loopback"
)

const (
	standingSessions = 1000
	standingWindow   = time.Minute // time over which processor use is counted
	loginsAtOnce     = 4
)

// A crowd is a number of standing sessions, each with a home of its own.
type crowd struct {
	homes  []string
	logins []string
	conns  []net.Conn
	taken  chan time.Time
	failed chan error
}

// runStanding measures the cost of standing sessions that have nothing to do, and how
// long it takes to deliver one message to each of them.
func runStanding(b *bench, r row) ([]result, error) {
	c, err := b.newCrowd(standingSessions)
	if err != nil {
		return nil, err
	}
	defer c.end()
	provider, err := b.startProviderOf(c.accounts(), "VODMR_IDLE=86400", oneProcessor)
	if err != nil {
		return nil, err
	}
	defer provider.end()
	if err := c.open(provider.address); err != nil {
		return nil, fmt.Errorf("%w; %s", err, provider.log)
	}
	time.Sleep(5 * time.Second) // until all of them are waiting
	vodmr, relay := filepath.Join(b.bin, "vodmr"), filepath.Join(b.bin, "vodmr-relay")
	before := runtimeOf(relay)
	time.Sleep(standingWindow)
	busy := runtimeOf(relay) - before
	front, back := processes(vodmr), memory(relay)
	// On Linux each has a second process beside it, which would start qmail-queue.
	if len(front) != 0 || len(back) != standingSessions && len(back) != 2*standingSessions {
		return nil, fmt.Errorf("%d of vodmr and %d of vodmr-relay run, not 0 and %d or twice as many; %s",
			len(front), len(back), standingSessions, provider.log)
	}
	seconds, err := c.deliver()
	if err != nil {
		return nil, err
	}
	hour := busy.Seconds() / standingSessions * float64(time.Hour/standingWindow)
	one := result{row: r.name, mode: "-", messages: standingSessions, size: 4 << 10, seconds: seconds, cpu: hour,
		pss: mean(back) * float64(len(back)) / standingSessions}
	one.note = fmt.Sprintf("PSS a session %.0f KiB: vodmr-relay and the process that starts qmail-queue; processor a session and hour %.3f s; "+
		"a message to each %.2f s; behind %s%s", one.pss, hour, seconds, provider.name, unwatched())
	return []result{one}, nil
}

// unwatched returns a note if this system cannot watch so many Maildirs.
func unwatched() string {
	text, _ := os.ReadFile("/proc/sys/fs/inotify/max_user_instances")
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n >= standingSessions {
		return ""
	}
	return fmt.Sprintf("; fs.inotify.max_user_instances is %d: the others look with each NOOP", n)
}

func (b *bench) newCrowd(n int) (*crowd, error) {
	c := &crowd{taken: make(chan time.Time, n), failed: make(chan error, n)}
	for i := range n {
		home, err := b.home()
		if err == nil {
			c.homes = append(c.homes, home)
			c.logins = append(c.logins, fmt.Sprintf("odmr%04d@%s", i, domain))
			_, err = makeMaildir(home)
		}
		if err != nil {
			c.end()
			return nil, err
		}
	}
	return c, nil
}

// accounts are the lines of vpasswd.
func (c *crowd) accounts() string {
	var list strings.Builder
	for i, home := range c.homes {
		list.WriteString(account(c.logins[i], home))
	}
	return list.String()
}

// open logs all customers in, a few at a time, and turns their sessions.
func (c *crowd) open(address string) error {
	c.conns = make([]net.Conn, len(c.homes))
	turned := make(chan error, len(c.homes))
	places := make(chan bool, loginsAtOnce)
	for i := range c.homes {
		go func() {
			places <- true
			conn, err := net.Dial("tcp", address)
			if err == nil {
				c.conns[i] = conn
				err = loopback.CRAMMD5(conn, c.logins[i], password)
			}
			if err != nil {
				<-places
				turned <- err
				return
			}
			var once sync.Once
			leave := func() { once.Do(func() { <-places; turned <- nil }) }
			c.failed <- turnAs(conn, c.taken, leave)
		}()
	}
	for range c.homes {
		select {
		case err := <-turned:
			if err != nil {
				return err
			}
		case err := <-c.failed:
			return fmt.Errorf("a session ended: %v", err)
		}
	}
	return nil
}

// deliver puts one message into each Maildir, and returns how many seconds it took
// until the last one was taken.
func (c *crowd) deliver() (float64, error) {
	m := mail{messages: 1, copies: 1, size: 4 << 10}
	began := time.Now()
	for _, home := range c.homes {
		if _, err := m.deliver(home, 0); err != nil {
			return 0, err
		}
	}
	last := began
	late := time.After(2 * standingPatience)
	for i := range c.homes {
		select {
		case last = <-c.taken:
		case err := <-c.failed:
			return 0, fmt.Errorf("a session ended: %v", err)
		case <-late:
			return 0, fmt.Errorf("only %d messages came within %v", i, 2*standingPatience)
		}
	}
	return last.Sub(began).Seconds(), nil
}

func (c *crowd) end() {
	for _, conn := range c.conns {
		if conn != nil {
			conn.Close()
		}
	}
	for _, home := range c.homes {
		os.RemoveAll(home)
	}
}

// runtimeOf is the time for which the threads of all processes of a program have run.
func runtimeOf(path string) time.Duration {
	sum := time.Duration(0)
	for _, pid := range processes(path) {
		threads, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "schedstat"))
		for _, thread := range threads {
			text, _ := os.ReadFile(thread)
			ran, _, _ := strings.Cut(string(text), " ")
			ns, _ := strconv.ParseInt(ran, 10, 64)
			sum += time.Duration(ns)
		}
	}
	return sum
}
