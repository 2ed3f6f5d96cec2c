package listing

import (
	"vodmr/internal/locate"
	"vodmr/relay/spool"
)

// totals stand at the end of a list.
type totals struct {
	place    locate.Place
	path     string
	state    spool.State
	maildirs int
	messages int64
	bytes    int64
	oldest   int64 // age in seconds
	tried    int64 // messages that were offered and kept
	unread   int64 // messages without an envelope that could be read
}

func (t *totals) add(row row) {
	t.messages++
	t.bytes += row.Size
	t.oldest = max(t.oldest, row.Age)
	if row.Tries > 0 {
		t.tried++
	}
	if row.unread {
		t.unread++
	}
}

func (t *totals) join(other totals) {
	t.maildirs += other.maildirs
	t.messages += other.messages
	t.bytes += other.bytes
	t.oldest = max(t.oldest, other.oldest)
	t.tried += other.tried
	t.unread += other.unread
}
