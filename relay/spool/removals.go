package spool

import (
	"errors"
	"time"

	"vodmr/internal/hang"
	"vodmr/internal/logline"
	"vodmr/internal/workers"
	"vodmr/maildir"
)

// MaxRemovals is how many removals are under way at most beside a session. Each is of a
// message that the customer's server took, so as many more messages may arrive twice if
// the process is killed.
const MaxRemovals = 8

const (
	// removalThreads are fewer than MaxRemovals: Linux lets one call change a directory at
	// a time, so more would only wait.
	removalThreads = 4
	// creditEach is after how many removals maildirsize is told of them, or at the end.
	creditEach = 16
)

// removals are those of one spool that have begun and not ended.
type removals struct {
	spool    *Spool
	latency  *latency
	pool     *workers.Pool
	results  chan removal
	underWay int
	long     time.Duration // after which one is logged that has not ended
}

// A removal is that of a message that the customer's server took.
type removal struct {
	message *Message
	err     error // of Box.Unlink
	took    time.Duration
}

func newRemovals(s *Spool, l *latency) removals {
	return removals{spool: s, latency: l, pool: workers.New(removalThreads, MaxRemovals), results: make(chan removal, MaxRemovals), long: hang.Long}
}

// remove removes a message that the customer's server took: at once, or beside the
// session if the file system is slow. If the notes cannot be written it is at once, since
// a removal that failed would have to be noted before the next message goes.
func (r *removals) remove(m *Message) {
	r.settle(MaxRemovals - 1)
	box, entry := r.spool.box, m.entry
	unlink := func() removal {
		began := time.Now()
		err := box.Unlink(entry)
		return removal{m, err, time.Since(began)}
	}
	r.underWay++
	if r.latency.slow() && !r.spool.NotesFailed {
		r.pool.Run(func() { r.results <- unlink() })
		return
	}
	r.ended(unlink())
}

// settle takes the results of removals that have ended, and waits until at most so many
// are under way.
func (r *removals) settle(most int) {
	for r.underWay > 0 && (r.underWay > most || len(r.results) > 0) {
		r.ended(r.next())
	}
}

// next waits for the end of a removal, however long the file system hangs: if this process
// ended, the message might be sent again. The log says what it waits for.
func (r *removals) next() removal {
	if len(r.results) > 0 {
		return <-r.results
	}
	timer := time.NewTimer(r.long)
	defer timer.Stop()
	select {
	case one := <-r.results:
		return one
	case <-timer.C:
	}
	hang.Log(r.spool.log, "unlink in "+r.spool.box.Path(), hang.Hangs, r.long)
	return <-r.results
}

func (r *removals) ended(one removal) {
	r.underWay--
	r.latency.call("unlink", one.message.entry, one.took)
	r.removedOrNote(one.message, one.err)
}

// Finish waits until all that was taken is removed, and gives back the threads that did it.
// It is called before the session says QUIT, waits or looks into the Maildir.
func (s *Spool) Finish() {
	s.removals.settle(0)
	s.removals.credit(1)
	s.removals.pool.Close()
	s.reader.files.readings.drop()
	if s.history != nil {
		s.history.Withdraw()
	}
}

// credit has maildirsize updated if that many removals are missing there.
func (r *removals) credit(missing int) {
	s := r.spool
	if s.box.Uncredited() < missing {
		return
	}
	if err := s.box.Credit(); err != nil {
		s.log.Event("error", logline.F("file", "maildirsize"), logline.Err(err))
	}
}

// removeOrNote removes a file, or notes at once that it must only be removed.
func (r *removals) removeOrNote(m *Message) { r.removedOrNote(m, r.spool.box.Unlink(m.entry)) }

// removedOrNote ends a removal, or notes at once that the file must only be removed: also
// one that is gone, since a mail reader that renamed it in this moment, or moved it to
// another folder, can bring it back under its name. unlinked is the error of Box.Unlink.
func (r *removals) removedOrNote(m *Message, unlinked error) {
	s := r.spool
	removal := r.removed(m.entry, m.size, unlinked)
	if removal == nil {
		return
	}
	noted := s.history.Done(m.base)
	s.retries.postpone(m.base, s.Times.Reread)
	err := s.history.Flush()
	if err == nil && !noted {
		err = errNotesFull
	}
	if err != nil {
		s.noteTrouble(err)
		s.MustStop = s.MustStop || !errors.Is(removal, maildir.ErrGone)
	}
}

var errNotesFull = errors.New("vodmr.notes has no room for another message that was delivered or bounced and cannot be removed")

// removed ends a removal, and logs why the file could not be removed. ErrGone, that it was
// gone already, is not logged.
func (r *removals) removed(entry maildir.Entry, size int64, unlinked error) error {
	s := r.spool
	err := s.box.Removed(entry, size, unlinked)
	if errors.Is(err, maildir.ErrGone) {
		s.Counts.Waiting--
		return err
	}
	if err != nil {
		s.log.Event("error", logline.F("file", entry.Path()), logline.Err(err))
		return err
	}
	s.Counts.Waiting--
	s.history.Forget(entry.Base())
	r.credit(creditEach)
	return nil
}
