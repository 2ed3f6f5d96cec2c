package spool

import (
	"time"

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

// removals are those that have begun and not ended.
type removals struct {
	pace     *pace
	pool     *workers.Pool
	results  chan removal
	underWay int
}

// A removal is that of a message that the customer's server took.
type removal struct {
	message *Message
	err     error // of Box.Unlink
	took    time.Duration
}

func newRemovals(p *pace) removals {
	return removals{pace: p, pool: workers.New(removalThreads, MaxRemovals), results: make(chan removal, MaxRemovals)}
}

// begin has another thread unlink a message.
func (r *removals) begin(box *maildir.Box, m *Message) {
	r.underWay++
	entry := m.entry
	r.pool.Run(func() {
		began := time.Now()
		err := box.Unlink(entry)
		r.results <- removal{m, err, time.Since(began)}
	})
}

// removeTaken removes a message that the customer's server took: at once, or beside the
// session if the file system is slow. If the notes cannot be written it is at once, since
// a removal that failed would have to be noted before the next message goes.
func (s *Spool) removeTaken(m *Message) {
	s.endRemovals(MaxRemovals - 1)
	if s.removals.pace.slow() && !s.NotesFailed {
		s.removals.begin(s.box, m)
		return
	}
	began := time.Now()
	err := s.box.Unlink(m.entry)
	s.removals.pace.took(time.Since(began))
	s.removedOrNote(m, err)
}

// endRemovals takes the results of removals that have ended, and waits until at most so
// many are under way.
func (s *Spool) endRemovals(most int) {
	for s.removals.underWay > 0 {
		if s.removals.underWay <= most && len(s.removals.results) == 0 {
			return
		}
		result := <-s.removals.results
		s.removals.underWay--
		s.removals.pace.took(result.took)
		s.removedOrNote(result.message, result.err)
	}
}

// Finish waits until all that was taken is removed, and gives back the threads that did it.
// It is called before the session says QUIT, waits or looks into the Maildir.
func (s *Spool) Finish() {
	s.endRemovals(0)
	s.credit(1)
	s.removals.pool.Close()
	s.reader.files.ahead.drop()
	if s.history != nil {
		s.history.Withdraw()
	}
}

// credit has maildirsize updated if that many removals are missing there.
func (s *Spool) credit(missing int) {
	if s.box.Uncredited() < missing {
		return
	}
	if err := s.box.Credit(); err != nil {
		s.log.Event("error", logline.F("file", "maildirsize"), logline.Err(err))
	}
}
