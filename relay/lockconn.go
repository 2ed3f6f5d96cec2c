package relay

import (
	"errors"
	"time"

	"vodmr/internal/fdio"
)

// A lockConn is the customer's connection in an ordinary session. On a file system of other
// hosts it asks for the Maildir's lock again every VODMR_LOOK seconds, while it waits for
// the customer and before a reply is believed: a session of hours must not go on if file
// servers have restarted meanwhile and another session has the lock. If it has, the
// connection ends at once, as a message that is under way is the other session's by now.
// A session that is shorter than that costs no call.
type lockConn struct {
	Conn
	session  *session
	deadline time.Time // the sender's; zero for none
	next     time.Time // when to ask; zero for never
}

// SetDeadline is smtp.Duplex's.
func (c *lockConn) SetDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

// Exchange is smtp.Duplex's. If the wait is cut short to ask for the lock, it returns with
// nothing done.
func (c *lockConn) Exchange(out, in []byte) (wrote, read int, err error) {
	if err := c.Conn.SetDeadline(earliest(c.deadline, c.next)); err != nil {
		return 0, 0, err
	}
	wrote, read, err = c.Conn.Exchange(out, in)
	now := time.Now()
	if errors.Is(err, fdio.ErrTimeout) && isDue(c.next, now) && !isDue(c.deadline, now) {
		err = nil
	}
	if lost := c.ask(now); lost != nil {
		return wrote, read, lost
	}
	return wrote, read, err
}

// ask asks for the lock if it is time. If it is lost, nothing in the Maildir is changed any
// more.
func (c *lockConn) ask(now time.Time) error {
	if !isDue(c.next, now) {
		return nil
	}
	s := c.session
	if !s.looksAfar() {
		c.next = time.Time{}
		return nil
	}
	if err := s.box.Lock.Renew(); err != nil {
		s.spool.Abandon()
		return err
	}
	c.next = time.Now().Add(s.lookInterval())
	return nil
}
