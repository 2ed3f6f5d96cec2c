package relay

import (
	"errors"
	"testing"
	"time"

	"vodmr/internal/fdio"
	"vodmr/test/kit/require"
)

// An instant is a Conn: each Exchange has the same outcome at once.
type instant struct {
	Conn
	wrote, read int
	err         error
	deadline    time.Time
	wakes       []int
}

func (c *instant) SetDeadline(t time.Time) error { c.deadline = t; return nil }

func (c *instant) Exchange(_, _ []byte) (int, int, error) { return c.wrote, c.read, c.err }

func (c *instant) Wake(fds ...int) { c.wakes = fds }

func (c *instant) Rest(time.Time) (bool, error) { return true, nil }

// TestWokenWhileReading: new mail that lands as the customer's server begins to say
// something is not left until the next NOOP.
func TestWokenWhileReading(t *testing.T) {
	c := &wakeConn{lookout: &lookout{pipe: [2]int{-1, -1}}, Conn: &instant{err: fdio.ErrWoken}, probe: standardTimings().probe, signal: -1}
	if readable, err := c.rest(time.Now()); !readable || err != nil {
		t.Errorf("at first: %v, %v", readable, err)
	}
	if _, _, err := c.Exchange(nil, make([]byte, 1)); err != nil {
		t.Errorf("woken: %v", err)
	}
	if readable, err := c.rest(time.Now()); readable || err != nil {
		t.Errorf("the rest after it: %v, %v; want none", readable, err)
	}
	if readable, err := c.rest(time.Now()); !readable || err != nil {
		t.Errorf("the next one: %v, %v", readable, err)
	}
}

// TestAskedForTheLock: what a standing session makes of each outcome while another
// session asks for its mailbox: a sign of life refuses that one, silence for as
// long as the probe allows gives way, but never while the customer judges a whole
// message.
func TestAskedForTheLock(t *testing.T) {
	const probe = time.Hour
	for name, test := range map[string]struct {
		conn    instant
		ago     time.Duration // since the other asked
		probing bool
		judging bool
		gives   bool // way: an error of ours
		err     error
		asked   bool // the other still waits to be refused or let in
	}{
		"it answers":                          {conn: instant{read: 1}, ago: probe / 2, probing: true},
		"it takes octets late":                {conn: instant{wrote: 1}, ago: probe / 2},
		"it takes octets at first":            {conn: instant{wrote: 1}, ago: probe / 100, asked: true},
		"it takes our NOOP, and no more":      {conn: instant{wrote: 1}, ago: probe / 2, probing: true, asked: true},
		"silence, but not long":               {conn: instant{err: fdio.ErrTimeout}, ago: probe / 2, err: fdio.ErrTimeout, asked: true},
		"silence for too long":                {conn: instant{err: fdio.ErrTimeout}, ago: 2 * probe, gives: true, asked: true},
		"silence over a message to judge":     {conn: instant{err: fdio.ErrTimeout}, ago: 2 * probe, judging: true},
		"woken by something else, nothing is": {conn: instant{err: fdio.ErrWoken}, ago: probe / 2, asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := &wakeConn{lookout: &lookout{pipe: [2]int{-1, -1}}, Conn: &test.conn, probe: probe, signal: -1, asked: time.Now().Add(-test.ago),
				probing: test.probing, judging: func() bool { return test.judging }}
			_, _, err := c.Exchange([]byte("x"), make([]byte, 1))
			if test.gives && (err == nil || errors.Is(err, fdio.ErrTimeout)) || !test.gives && !errors.Is(err, test.err) {
				t.Errorf("got the error %v", err)
			}
			if c.asked.IsZero() == test.asked {
				t.Errorf("the other one's wish stands: %v", !test.asked)
			}
		})
	}
}

// TestProbeBoundsAWait: once another session asks, no wait is longer than the
// probe, and none longer than the sender's own.
func TestProbeBoundsAWait(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct{ own, asked, want time.Time }{
		"nobody asks":          {own: now.Add(time.Hour), want: now.Add(time.Hour)},
		"asked":                {own: now.Add(time.Hour), asked: now, want: now.Add(time.Minute)},
		"asked, no own":        {asked: now, want: now.Add(time.Minute)},
		"own is over sooner":   {own: now.Add(time.Second), asked: now, want: now.Add(time.Second)},
		"neither has a bound":  {},
		"asked some time back": {own: now.Add(time.Hour), asked: now.Add(-time.Hour), want: now.Add(-59 * time.Minute)},
	} {
		conn := &instant{read: 1}
		c := &wakeConn{lookout: &lookout{pipe: [2]int{-1, -1}}, Conn: conn, probe: time.Minute, signal: -1, asked: test.asked}
		require.OK(t, c.SetDeadline(test.own))
		_, _, err := c.Exchange(nil, make([]byte, 1))
		if require.OK(t, err); !conn.deadline.Equal(test.want) {
			t.Errorf("%s: waits until %v, want %v", name, conn.deadline, test.want)
		}
	}
	c := &wakeConn{lookout: &lookout{pipe: [2]int{-1, -1}}, asked: now}
	if first, second := c.wantsProbe(), c.wantsProbe(); !first || second {
		t.Errorf("asked once, NOOP is wanted: %v, then %v", first, second)
	}
}

// A pausedDoor is one that could accept no connection.
type pausedDoor struct{ paused bool }

func (d *pausedDoor) FDs() []int {
	if d.paused {
		return nil
	}
	return []int{99}
}

func (d *pausedDoor) Reopens() bool       { return !d.paused }
func (*pausedDoor) Work()                 {}
func (*pausedDoor) NextExpiry() time.Time { return time.Time{} }

// TestDoorReopens: also while mail flows without an end, the door is heard again after a pause.
func TestDoorReopens(t *testing.T) {
	conn, paused := &instant{read: 1}, &pausedDoor{true}
	c := &wakeConn{lookout: &lookout{pipe: [2]int{-1, -1}}, Conn: conn, signal: -1, door: paused}
	c.listen()
	for _, want := range []int{0, 1} {
		_, _, err := c.Exchange(nil, make([]byte, 1))
		if require.OK(t, err); len(conn.wakes) != want {
			t.Errorf("%d descriptors wake it, want %d", len(conn.wakes), want)
		}
		paused.paused = false
	}
}
