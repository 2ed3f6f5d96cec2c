package relay

import (
	"errors"
	"fmt"
	"time"

	"vodmr/internal/fdio"
	"vodmr/internal/logline"
	"vodmr/maildir/lock"
)

// A line is the customer's connection in a session that stands. Whatever the
// session waits for, it also hears of new mail, of another session that asks for
// the lock, and of a signal to end. Asked, it waits no longer for the customer
// than the probe allows.
type line struct {
	Conn
	watch  *lock.Watch // nil where there is none
	signal int         // can be read once this process is told to end; -1 for none
	pace   *waits
	log    *logline.Logger

	deadline time.Time
	heard    time.Time // when the customer last said something
	mail     bool      // something has changed in new since the last look
	told     bool      // this process was told to end
	woken    bool      // an Exchange was, since the last rest
	hello    bool      // the customer's server has greeted and answered EHLO
	asked    time.Time // when another session asked; zero once the customer answered
	probing  bool      // NOOP was said since

	judging func() bool // see smtp.Sender.Judging
}

// unwatched is logged where there is no watch.
func unwatched() logline.Field {
	return logline.F("reason", "new mail is only looked for with each NOOP")
}

// newLine makes the session one that stands.
func (s *session) newLine() *line {
	l := &line{Conn: s.Conn, pace: s.pace(), log: s.Log, signal: s.terminated(), heard: time.Now(), mail: true}
	s.line = l
	l.watch = s.watch()
	l.listen()
	if err := s.box.Lock.MarkStanding(); err != nil {
		s.Log.Event("error", logline.Err(err))
	}
	return l
}

// watch begins to watch the Maildir; nil where that cannot be.
func (s *session) watch() *lock.Watch {
	watch, err := s.box.Watch()
	s.tellAside()
	switch {
	case err != nil:
		s.Log.Event("error", unwatched(), logline.Err(err))
	case watch.CannotAsk != nil:
		s.Log.Event("error", logline.F("reason", "no other session can ask for the mailbox"), logline.Err(watch.CannotAsk))
	}
	return watch
}

// terminated is Config.Terminated's descriptor, -1 where there is none.
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

func (l *line) close() {
	l.Wake()
	if l.watch != nil {
		l.watch.Close()
		l.watch = nil
	}
}

// SetDeadline is smtp.Duplex's.
func (l *line) SetDeadline(t time.Time) error {
	l.deadline = t
	return nil
}

// Exchange is smtp.Duplex's. Woken, it returns with nothing done.
func (l *line) Exchange(out, in []byte) (wrote, read int, err error) {
	_ = l.Conn.SetDeadline(l.bound())
	wrote, read, err = l.Conn.Exchange(out, in)
	switch {
	case errors.Is(err, fdio.ErrWoken):
		return 0, 0, l.interrupted()
	case read > 0 || wrote > 0 && l.drains():
		l.alive(read > 0)
	case errors.Is(err, fdio.ErrTimeout) && l.overdue():
		err = l.giveWay()
	}
	return wrote, read, err
}

// interrupted finds out what woke the Conn. Told to end, a session does not wait for
// a server's first words: nothing is under way.
func (l *line) interrupted() error {
	l.wake()
	l.woken = true
	if l.told && !l.hello {
		return overByTerm
	}
	return nil
}

// bound is the earlier of two deadlines: the sender's and the probe's.
func (l *line) bound() time.Time {
	if l.asked.IsZero() {
		return l.deadline
	}
	due := l.asked.Add(l.pace.probe)
	if !l.deadline.IsZero() && l.deadline.Before(due) {
		return l.deadline
	}
	return due
}

func (l *line) overdue() bool {
	return !l.asked.IsZero() && time.Since(l.asked) >= l.pace.probe
}

// drains says whether octets that were just written show that the customer takes
// some: at first they only fill what this host holds for it.
func (l *line) drains() bool {
	return !l.asked.IsZero() && !l.probing && time.Since(l.asked) >= l.pace.probe/5
}

// alive takes a sign of life.
func (l *line) alive(heard bool) {
	if heard {
		l.heard = time.Now()
	}
	l.asked, l.probing = time.Time{}, false
}

// giveWay ends the session for the one that asked, unless the customer has a
// whole message to judge.
func (l *line) giveWay() error {
	if l.judging() {
		l.alive(false)
		return nil
	}
	return fmt.Errorf("no answer for %d seconds, and a new session wants the mailbox", int(l.pace.probe.Seconds()))
}

// wantsProbe says, once, that NOOP is to be said for another session's sake.
func (l *line) wantsProbe() bool {
	wants := !l.asked.IsZero() && !l.probing
	l.probing = l.probing || wants
	return wants
}

// rest waits while nothing is under way, and says whether something can be read. It
// does not wait where the Exchange before was woken: until was chosen without that.
func (l *line) rest(until time.Time) (readable bool, err error) {
	if l.woken {
		l.woken = false
		return false, nil
	}
	if readable, err = l.Rest(until); readable || err != nil {
		return readable, err
	}
	l.wake()
	return false, nil
}

// wake finds out what woke the Conn.
func (l *line) wake() {
	if l.watch != nil {
		mail, asked, err := l.watch.Read()
		l.mail = l.mail || mail
		if asked && l.asked.IsZero() {
			l.asked = time.Now()
		}
		if err != nil {
			l.log.Event("error", unwatched(), logline.Err(err))
			l.watch.Close()
			l.watch = nil
		}
	}
	if l.signal >= 0 && fdio.New(l.signal, l.signal).Pending() {
		l.told, l.signal = true, -1 // it stays readable
	}
	l.listen()
}

// listen names what is to wake the Conn.
func (l *line) listen() {
	var signs []int
	if l.watch != nil {
		signs = append(signs, l.watch.FD())
	}
	if l.signal >= 0 {
		signs = append(signs, l.signal)
	}
	l.Wake(signs...)
}
