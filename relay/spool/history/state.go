package history

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// A state is all that the lines of the file tell, and how they change it.
type state struct {
	clock func() time.Time

	files      map[string]*Note
	unanswered map[string]int // sent in this session: its transaction's place in the order
	places     int
	sending    bool // the last line was sent or also: one more also joins it
	reasons    int  // notes with a Reason
	size       int  // bytes of the lines that restore all notes
	loading    bool // the file is being read
	tooMuch    bool // it holds more than is ever written
	session    string
	ended      int64
	passed     int // sessions in a row that broke before a demoted message had its turn
	servers    map[string]serverNote

	bounced      int   // bounces within the day
	bouncedSince int64 // Unix seconds of the day's start, its first bounce
	trust        trust
	ladder       ladder
}

// of returns what is known of the message with that base name.
func (s *state) of(base string) Note {
	if note := s.files[base]; note != nil {
		return *note
	}
	return Note{}
}

// The changes that each verb makes to the state, both when it is read from the file and
// when it happens.

func (s *state) begin(session string) {
	s.session = cmp.Or(session, unnamed)
	s.ladder.alone = s.ladder.rung > 0
	clear(s.unanswered)
}

// setSent begins a transaction, or joins that of the line before if also is true. If that
// line is lost, it begins one: to suspect too few messages is better than to suspect one
// of another transaction.
func (s *state) setSent(base string, also bool) {
	if !also || !s.sending {
		s.places++
	}
	s.unanswered[base] = s.places
	s.sending = true
	s.tooMuch = s.tooMuch || s.loading && len(s.unanswered) > maxUnanswered
}

// setKept reports if there was room to remember it, at least without the reply's
// text.
func (s *state) setKept(base string, tries int, first, last int64, reply string) bool {
	delete(s.unanswered, base)
	note := s.of(base)
	note.Tries, note.First, note.Last, note.Reply, note.Reason = tries, first, last, reply, ""
	note.Breaks, note.Broke = 0, 0
	if s.put(base, note, s.bounds(textSize)) {
		return true
	}
	note.Reply = strings.Clone(reply[:min(len(reply), len("450"))])
	return s.put(base, note, s.bounds(maxSize))
}

// setStays reports if there was room to remember it.
func (s *state) setStays(base, reason string) bool {
	delete(s.unanswered, base)
	note := s.of(base)
	if s.reasons >= maxReasons && note.Reason == "" {
		return false
	}
	note.Reason = reason
	return s.put(base, note, s.bounds(maxSize))
}

// setBroke reports if there was room to remember it.
func (s *state) setBroke(base string, breaks int, when int64) bool {
	delete(s.unanswered, base)
	note := s.of(base)
	note.Breaks, note.Broke = breaks, when
	return s.put(base, note, s.mustBounds())
}

// setDone reports if there was room to remember it. If it were forgotten, the message would
// be sent twice.
func (s *state) setDone(base string, last int64) bool {
	delete(s.unanswered, base)
	note := s.of(base)
	note.Done, note.Last = true, last
	return s.put(base, note, s.mustBounds())
}

func (s *state) drop(base string) {
	if note := s.files[base]; note != nil {
		s.account(base, note, -1)
		delete(s.files, base)
	}
}

// inFlight returns the transactions that were sent and not answered, in the order of
// sending, and the messages of each by name.
func (s *state) inFlight() [][]string {
	bases := slices.SortedFunc(maps.Keys(s.unanswered), func(a, b string) int {
		return cmp.Or(s.unanswered[a]-s.unanswered[b], strings.Compare(a, b))
	})
	var transactions [][]string
	for len(bases) > 0 {
		end := 1
		for end < len(bases) && s.unanswered[bases[end]] == s.unanswered[bases[0]] {
			end++
		}
		transactions = append(transactions, bases[:end:end])
		bases = bases[end:]
	}
	return transactions
}

// suspects returns the messages of the first transaction in flight of which any is there.
func (s *state) suspects(there map[string]bool) []string {
	for _, bases := range s.inFlight() {
		left := slices.DeleteFunc(bases, func(base string) bool { return !there[base] })
		if len(left) > 0 {
			return left
		}
	}
	return nil
}
