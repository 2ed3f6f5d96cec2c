package spool

import (
	"time"

	"vodmr/internal/hang"
	"vodmr/internal/workers"
	"vodmr/maildir"
)

const (
	// mostReadings is how many files are read beside a session at most.
	mostReadings = 8
	// readingMax is the largest file in bytes that is read whole there; a larger one is only
	// opened.
	readingMax = 64 << 10
)

// readings are the files that are read beside the session: those that come next. They save
// the time that a slow file system takes for each call; what is done with a file does
// not depend on them.
type readings struct {
	latency *latency
	pool    *workers.Pool
	all     map[maildir.Entry]*reading
}

// A reading is one file that is read. The fields are good once done is closed.
type reading struct {
	done    chan struct{}
	message *maildir.Message
	content []byte // the whole file, which is closed then; nil if it is open
	ok      bool
}

func newReadings(l *latency) readings {
	return readings{latency: l, pool: workers.New(mostReadings, mostReadings), all: make(map[maildir.Entry]*reading)}
}

// begin begins to read a file, if the file system is slow.
func (r *readings) begin(box *maildir.Box, entry maildir.Entry, buffers *buffers) {
	if !r.latency.slow() || len(r.all) >= mostReadings || r.all[entry] != nil {
		return
	}
	next := &reading{done: make(chan struct{}), content: buffers.get()}
	r.all[entry] = next
	r.pool.Run(func() {
		defer close(next.done)
		next.message, next.content, next.ok = box.Peek(entry, readingMax, next.content)
		if next.ok && next.message.Size > readingMax {
			next.content = nil
		}
	})
}

// take waits for a file that is being read, and returns it. It is nil if the file is not,
// or could not be read.
func (r *readings) take(entry maildir.Entry) *reading {
	next := r.all[entry]
	if next == nil {
		return nil
	}
	delete(r.all, entry)
	began := time.Now()
	<-next.done
	if waited := time.Since(began); waited >= hang.Long {
		r.latency.call("read", entry, waited)
	}
	if !next.ok {
		return nil
	}
	return next
}

// forget gives up a file that is being read, if it is: its place is for another one.
func (r *readings) forget(entry maildir.Entry) {
	if next := r.take(entry); next != nil {
		next.message.Close()
	}
}

// drop forgets what was read and not taken, and ends the threads.
func (r *readings) drop() {
	for _, next := range r.all {
		if <-next.done; next.message != nil {
			next.message.Close()
		}
	}
	clear(r.all)
	r.pool.Close()
}

// opened opens a file, or takes it from those that are being read.
func (f *files) opened(entry maildir.Entry) (*reading, error) {
	if next := f.readings.take(entry); next != nil {
		return next, nil
	}
	began := time.Now()
	m, err := f.box.OpenMessage(entry)
	f.readings.latency.call("open", entry, time.Since(began))
	return &reading{message: m}, err
}

// readOn begins to read the files that come next.
func (r *reader) readOn() {
	if !r.files.readings.latency.slow() {
		return
	}
	for len(r.coming) < mostReadings {
		entry, ok := r.list.Next()
		if !ok {
			break
		}
		r.coming = append(r.coming, entry)
	}
	for _, entry := range r.coming {
		if note := r.history.Of(entry.Base()); !note.Done && note.Breaks == 0 && note.Tries == 0 {
			r.files.readings.begin(r.files.box, entry, &r.files.buffers)
		}
	}
	if len(r.coming) > 0 || !r.triedSorted {
		return
	}
	for _, it := range r.tried[:min(len(r.tried), mostReadings)] {
		r.files.readings.begin(r.files.box, it.entry, &r.files.buffers)
	}
}

// nextEntry takes the next name off the list.
func (r *reader) nextEntry() (maildir.Entry, bool) {
	if len(r.coming) == 0 {
		return r.list.Next()
	}
	next := r.coming[0]
	r.coming = r.coming[1:]
	return next, true
}
