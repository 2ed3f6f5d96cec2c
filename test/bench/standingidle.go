package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodmr/test/kit/loopback"
)

const (
	standingWindow = time.Minute // time over which processor use is counted
	loginsAtOnce   = 4
	maxSessions    = 10000 // tcpserver's -c
)

// A crowd is a number of standing sessions, each with a home of its own.
type crowd struct {
	homes  []string
	logins []string
	conns  []net.Conn
	taken  []chan time.Time // by session
	failed chan error
}

// crowdOf is how many sessions a row has.
func crowdOf(r row) int {
	if r.name == "standing-5000" {
		return 5000
	}
	return 1000
}

// runStanding measures the cost of standing sessions that have nothing to do, and how
// long it takes to deliver one message to each of them.
func runStanding(b *bench, r row) ([]result, error) {
	sessions := crowdOf(r)
	c, err := b.newCrowd(sessions)
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
	before, err := b.watcher.of(relay)
	if err != nil {
		return nil, err
	}
	time.Sleep(standingWindow)
	back, err1 := b.watcher.of(relay)
	front, err2 := b.watcher.of(vodmr)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	// On Linux each has a second process beside it, which would start qmail-queue.
	if len(front) != 0 || len(back) != sessions && len(back) != 2*sessions {
		return nil, fmt.Errorf("%d of vodmr and %d of vodmr-relay run, not 0 and %d or twice as many; %s",
			len(front), len(back), sessions, provider.log)
	}
	used := sums(back)
	busy, threads := used.ran-sums(before).ran, float64(used.threads)/float64(sessions)
	times, err := c.deliver()
	if err != nil {
		return nil, err
	}
	hour := busy.Seconds() / float64(sessions) * float64(time.Hour/standingWindow)
	one := result{row: r.name, mode: "-", messages: sessions, size: 4 << 10, seconds: times.all.Seconds(), cpu: hour,
		pss: float64(used.kib) / float64(sessions)}
	one.note = fmt.Sprintf("PSS a session %.0f KiB: vodmr-relay and the process that starts qmail-queue; %.1f threads; processor a session and hour %.3f s; "+
		"a message to each %.2f s, each within %d ms by the median, slowest %d ms; behind %s%s", one.pss, threads, hour,
		times.all.Seconds(), times.median().Milliseconds(), times.each[sessions-1].Milliseconds(), provider.name, unwatched(sessions))
	return []result{one}, nil
}

// deliveries are how long it took until messages were with their customers.
type deliveries struct {
	all  time.Duration   // from the first link(2) to the last customer's 250
	each []time.Duration // from link(2) to the customer's 250, the shortest first
}

func (d deliveries) median() time.Duration { return d.each[len(d.each)/2] }

// unwatched returns a note if this system cannot watch so many Maildirs.
func unwatched(sessions int) string {
	text, _ := os.ReadFile("/proc/sys/fs/inotify/max_user_instances")
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n >= sessions {
		return ""
	}
	return fmt.Sprintf("; fs.inotify.max_user_instances is %d: the others look with each NOOP", n)
}

func (b *bench) newCrowd(n int) (*crowd, error) {
	c := &crowd{failed: make(chan error, n)}
	for i := range n {
		home, err := b.home()
		if err == nil {
			c.homes = append(c.homes, home)
			c.taken = append(c.taken, make(chan time.Time, 1))
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
			c.failed <- turnAs(conn, c.taken[i], leave)
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

// deliver puts one message into each Maildir, and returns how long it took until they were
// taken.
func (c *crowd) deliver() (deliveries, error) {
	m := mail{messages: 1, copies: 1, size: 4 << 10}
	began, linked := time.Now(), make([]time.Time, len(c.homes))
	for i, home := range c.homes {
		var err error
		if linked[i], err = m.deliver(home, 0); err != nil {
			return deliveries{}, err
		}
	}
	var d deliveries
	late := time.After(2 * standingPatience)
	for i := range c.homes {
		select {
		case at := <-c.taken[i]:
			d.each = append(d.each, at.Sub(linked[i]))
			d.all = max(d.all, at.Sub(began))
		case err := <-c.failed:
			return d, fmt.Errorf("a session ended: %v", err)
		case <-late:
			return d, fmt.Errorf("only %d messages came within %v", i, 2*standingPatience)
		}
	}
	slices.Sort(d.each)
	return d, nil
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
