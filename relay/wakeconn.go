package relay

import (
	"errors"
	"fmt"
	"time"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/maildir"
	"vodmr/maildir/lock"
	"vodmr/relay/spool"
)

// A wakeConn is the customer's connection in a standing session. While the session waits
// for anything, it also hears of new mail, of another session that asks for the lock, and
// of a signal to end. Once it was asked, it waits no longer for the customer than the
// probe allows.
type wakeConn struct {
	Conn
	watch   *lock.Watch // nil for none
	lookout *lookout
	signal  int           // can be read once this process is told to end; -1 for none
	probe   time.Duration // see timings
	log     *logline.Logger

	deadline    time.Time
	heard       time.Time // when the customer last said something
	mail        bool      // something has changed in new since the last look
	terminating bool      // this process was told to end
	woken       bool      // an Exchange was, since the last rest
	hello       bool      // the customer's server has greeted and answered EHLO
	asked       time.Time // when another session asked; zero once the customer answered
	probing     bool      // NOOP was said since

	judging     func() bool              // see smtp.Sender.Judging
	differs     func(changed int64) bool // see spool.Looks.Differs
	requested   time.Time                // when a look first saw the request that it still sees; zero for none
	patience    time.Duration            // how long another session asks
	lost        func()                   // has nothing in the Maildir changed any more
	gone        error                    // why the mailbox is no longer this session's; nil if it is
	rightFailed string                   // why the last look at the login's right failed

	door     questions // asks about recipients; nil for none
	doorTurn bool      // a question ended the last Exchange
}

// questions are what a wakeConn does with a door.Server.
type questions interface {
	FDs() []int
	Work()
	NextExpiry() time.Time
	Reopens() bool
}

// unwatched is logged if there is no watch.
func unwatched() logline.Field {
	return logline.F("reason", "new mail is only looked for with each NOOP")
}

// newWakeConn makes the session a standing session.
func (s *session) newWakeConn() *wakeConn {
	c := &wakeConn{Conn: s.Conn, probe: s.timings.probe, log: s.Log, signal: s.terminated(), heard: time.Now(), mail: true}
	s.wake = c
	c.watch = s.watch()
	if err := s.box.Lock.MarkStanding(); err != nil {
		s.Log.Event("error", logline.Err(err))
	}
	c.lookout, c.patience = s.newLookout(), s.patience()
	c.differs, c.lost = s.spool.Looks.Differs, s.spool.Abandon
	c.listen()
	return c
}

// watch begins to watch the Maildir; nil if that cannot be.
func (s *session) watch() *lock.Watch {
	watch, err := s.box.Watch()
	spool.LogQuarantined(s.box, s.Log)
	switch {
	case err != nil:
		s.Log.Event("error", unwatched(), logline.Err(err))
	case watch.CannotAsk != nil:
		s.Log.Event("error", logline.F("reason", "no other session can ask for the mailbox"), logline.Err(watch.CannotAsk))
	}
	return watch
}

// terminated is Config.Terminated's descriptor, -1 for none.
func (s *session) terminated() int {
	if s.Terminated == nil {
		return -1
	}
	fd, err := s.Terminated()
	if err != nil {
		s.Log.Event("error", logline.Err(err))
		return -1
	}
	return fd
}

func (c *wakeConn) close() {
	c.Wake()
	if c.watch != nil {
		c.watch.Close()
		c.watch = nil
	}
	c.lookout.close()
}

// SetDeadline is smtp.Duplex's.
func (c *wakeConn) SetDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

// Exchange is smtp.Duplex's. Woken, it returns with nothing done.
func (c *wakeConn) Exchange(out, in []byte) (wrote, read int, err error) {
	wrote, read, err = c.exchange(out, in)
	switch {
	case errors.Is(err, fdio.ErrWoken):
		return 0, 0, c.interrupted()
	case read > 0 || wrote > 0 && c.drains():
		c.alive(read > 0)
	case errors.Is(err, fdio.ErrTimeout) && !c.asked.IsZero() && time.Since(c.asked) >= c.probe:
		err = c.giveWay()
	case errors.Is(err, fdio.ErrTimeout) && c.looksNow():
		c.look()
		err = c.lostLock()
	}
	return wrote, read, err
}

// looksNow reports if the last Exchange ended for a look.
func (c *wakeConn) looksNow() bool {
	now := time.Now()
	return isDue(c.lookout.wakeTime(), now) && !isDue(c.deadline, now)
}

// isDue reports if a time has come; the zero time is never.
func isDue(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// doorPause is how long questions wait behind the customer's connection.
const doorPause = 20 * time.Millisecond

// exchange does one Exchange. After one that a question ended, the next is deaf to further
// questions for a moment: a flood of them must not keep the mail back.
func (c *wakeConn) exchange(out, in []byte) (wrote, read int, err error) {
	bound := c.bound()
	if c.door != nil && c.door.Reopens() {
		c.listen()
	}
	until := bound
	if c.doorTurn {
		c.doorTurn = false
		until = earliest(bound, time.Now().Add(doorPause))
		c.Wake(c.signs()...)
		defer c.listen()
	}
	_ = c.Conn.SetDeadline(until)
	wrote, read, err = c.Conn.Exchange(out, in)
	if until != bound && errors.Is(err, fdio.ErrTimeout) && !isDue(bound, time.Now()) {
		return 0, 0, nil
	}
	return wrote, read, err
}

// interrupted finds out the reason that the Conn was woken. Told to end, a session does not wait for
// a server's first words: nothing is under way.
func (c *wakeConn) interrupted() error {
	c.wake()
	c.woken = true
	if err := c.lostLock(); err != nil {
		return err
	}
	if c.terminating && !c.hello {
		return endBySignal
	}
	return nil
}

// lostLock is why nothing may be sent any more, not even the rest of a message; nil if it may.
func (c *wakeConn) lostLock() error {
	if errors.Is(c.gone, lock.ErrLost) {
		return c.gone
	}
	return nil
}

// bound is the earliest of three deadlines: the sender's, the probe's and the next look's.
func (c *wakeConn) bound() time.Time {
	var probed time.Time
	if !c.asked.IsZero() {
		probed = c.asked.Add(c.probe)
	}
	return earliest(c.deadline, c.lookout.wakeTime(), probed)
}

// earliest is the earliest of some times; the zero time is never.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first
}

// drains reports if octets that were just written show that the customer takes
// some: the first only fill this host's buffer for it.
func (c *wakeConn) drains() bool {
	return !c.asked.IsZero() && !c.probing && time.Since(c.asked) >= c.probe/5
}

// alive takes a sign of life.
func (c *wakeConn) alive(heard bool) {
	if heard {
		c.heard = time.Now()
	}
	c.asked, c.probing = time.Time{}, false
}

// giveWay ends the session for the one that asked, unless the customer has a
// whole message to judge.
func (c *wakeConn) giveWay() error {
	if c.judging() {
		c.alive(false)
		return nil
	}
	return fmt.Errorf("no answer for %d seconds, and a new session wants the mailbox", int(c.probe.Seconds()))
}

// wantsProbe reports, once, that NOOP is to be said for another session's sake.
func (c *wakeConn) wantsProbe() bool {
	wants := !c.asked.IsZero() && !c.probing
	c.probing = c.probing || wants
	return wants
}

// rest waits while nothing is under way, and reports if something can be read. It
// does not wait if the Exchange before was woken: until was chosen without that.
func (c *wakeConn) rest(until time.Time) (readable bool, err error) {
	if c.woken {
		c.woken = false
		return false, nil
	}
	if readable, err = c.Rest(until); readable || err != nil {
		return readable, err
	}
	c.wake()
	return false, nil
}

// doorDue is when the door has something to do by itself; zero for never.
func (c *wakeConn) doorDue() time.Time {
	if c.door == nil {
		return time.Time{}
	}
	return c.door.NextExpiry()
}

// wake finds out the reason that the Conn was woken.
func (c *wakeConn) wake() {
	if c.watch != nil {
		mail, asked, err := c.watch.Read()
		c.mail = c.mail || mail
		if asked && c.asked.IsZero() {
			c.asked = time.Now()
		}
		if err != nil {
			c.log.Event("error", unwatched(), logline.Err(err))
			c.watch.Close()
			c.watch = nil
		}
	}
	c.look()
	if c.signal >= 0 && fdio.New(c.signal, c.signal).Pending() {
		c.terminating, c.signal = true, -1 // it stays readable
	}
	if c.door != nil {
		c.door.Work()
		c.doorTurn = true
	}
	c.listen()
}

// look begins a look if it has its time, and takes what one that has ended saw.
func (c *wakeConn) look() {
	c.lookout.work(time.Now())
	seen, ok := c.lookout.take()
	if !ok {
		return
	}
	if seen.lost != "" {
		c.gone = cleanEnd(seen.lost)
	}
	if err := seen.rightErr; err != nil && err.Error() != c.rightFailed { // it is logged once
		c.rightFailed = err.Error()
		c.log.Event("error", logline.F("reason", "a change of the login's right is not seen"), logline.Err(err))
	}
	if c.lookout.afar() {
		c.take(seen.Seen)
	}
}

// take takes what a look afar saw. If the mailbox is no longer this session's, nothing in it is
// changed any more.
func (c *wakeConn) take(seen maildir.Seen) {
	switch {
	case errors.Is(seen.Err, lock.ErrLost):
		c.gone = seen.Err
		c.lost()
	case seen.Err != nil:
		c.mail = true // the look into the Maildir logs why it fails
	case seen.Moved != nil:
		c.gone = cleanEnd(seen.Moved.Error())
	default:
		c.mail = c.mail || c.differs(seen.Changed)
	}
	c.request(seen.Request == lock.TakeOverRequest, time.Now())
	if seen.Request == lock.EvictionRequest {
		c.gone = endByExpire
	}
}

// request takes what a look saw of another session that asks for the mailbox. One that goes
// on asking is answered once, by one NOOP, as long as it can be the same one.
func (c *wakeConn) request(seen bool, now time.Time) {
	if seen && c.asked.IsZero() && now.Sub(c.requested) > c.patience {
		c.asked, c.requested = now, now
	}
	if !seen {
		c.requested = time.Time{}
	}
}

// listen names the descriptors that wake the Conn.
func (c *wakeConn) listen() {
	signs := c.signs()
	if c.door != nil {
		signs = append(signs, c.door.FDs()...)
	}
	c.Wake(signs...)
}

// signs are the descriptors that wake the Conn, apart from the door's.
func (c *wakeConn) signs() []int {
	var signs []int
	if c.watch != nil {
		signs = append(signs, c.watch.FD())
	}
	if c.signal >= 0 {
		signs = append(signs, c.signal)
	}
	if fd := c.lookout.pipe[0]; fd >= 0 {
		signs = append(signs, fd)
	}
	return signs
}
