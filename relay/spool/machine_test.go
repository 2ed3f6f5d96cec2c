package spool

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vodmr/relay/spool/history"
	"vodmr/smtp"
	"vodmr/test/kit/require"
)

// A machine takes the spool of one Maildir through sessions, without a connection, and
// knows what may become of each message.
type machine struct {
	*site
	t      *testing.T
	clock  time.Time
	queued int  // messages that were delivered into the Maildir
	fails  bool // qmail-queue does
	slow   bool // the file system is

	taken, bounced, refused, deferred map[int]int // how often, by message

	since    map[int]time.Time // when a message was refused first, with nothing else since
	believed map[int]bool      // its refusal: it may bounce
	trusted  bool              // the server took a message, ever

	suspects map[int]int // what the next session must suspect, with its breaks so far
	rung     int         // the lowest that the ladder can be on
}

func newMachine(t *testing.T) *machine {
	return &machine{site: newSite(t), t: t, clock: now,
		taken: map[int]int{}, bounced: map[int]int{}, refused: map[int]int{}, deferred: map[int]int{},
		since: map[int]time.Time{}, believed: map[int]bool{}}
}

// inject stands for qmail-queue.
func (m *machine) inject(_ string, _ []string, message io.Reader) error {
	text, err := io.ReadAll(message)
	require.OK(m.t, err)
	if m.fails {
		return errors.New("qmail-queue fails")
	}
	var i int
	_, err = fmt.Sscanf(string(regexp.MustCompile(`<r\d+@`).Find(text)), "<r%d@", &i)
	require.OK(m.t, err)
	m.bounced[i]++
	return nil
}

// number is which message that is.
func number(m *Message) (i int) {
	_, _ = fmt.Sscanf(m.to, "r%d@", &i)
	return i
}

func (m *machine) deliver(t *rapid.T) {
	m.put(m.t, m.queued, rapid.SampledFrom([]string{"one", "two", strings.Repeat("x", 600)}).Draw(t, "subject"))
	m.queued++
}

// spoil puts a file there that cannot go out.
func (m *machine) spoil(*rapid.T) {
	m.write(m.t, "domain/odmr/Maildir/new/"+name(m.queued)+".odd", "no envelope\n")
}

// remove is a mail reader that removes a message.
func (m *machine) remove(t *rapid.T) {
	i := rapid.IntRange(0, 20).Draw(t, "message")
	if os.Remove(m.maildir+"/new/"+name(i)) == nil {
		m.taken[i]++
	}
}

func (m *machine) wait(t *rapid.T) {
	m.clock = m.clock.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "hours")) * time.Hour)
}

// check is that each message waits, or was taken or bounced once.
func (m *machine) check(t *rapid.T) {
	waiting := m.waiting(m.t)
	for i := range m.queued {
		left := 0
		if waiting[name(i)] {
			left = 1
		}
		if m.taken[i]+m.bounced[i]+left != 1 {
			t.Fatalf("message %d: taken %d times, bounced %d times, left %d", i, m.taken[i], m.bounced[i], left)
		}
		if m.bounced[i] > 0 && !m.believed[i] && (m.deferred[i] == 0 || m.deferred[i]+m.refused[i] < 2) {
			t.Fatalf("message %d bounced: %d times refused, %d times deferred", i, m.refused[i], m.deferred[i])
		}
	}
}

// refuse takes a refusal for good. It may only bounce if the server took any mail before,
// or refused it a day ago too.
func (m *machine) refuse(i int) {
	if m.refused[i]++; m.since[i].IsZero() {
		m.since[i] = m.clock
	}
	m.believed[i] = m.believed[i] || m.trusted || m.clock.Sub(m.since[i]) >= secondDeferral
}

// A visit is one session of a machine.
type visit struct {
	*machine
	spool      *Spool
	window     int
	server     smtp.Extensions
	kind       func(t *rapid.T) string // of the next reply
	inFlight   []*Batch
	offered    map[int]bool
	retry      map[int]bool // to be repeated
	unknown    map[int]bool // refused with 5.1.1
	known      map[int]bool // refused for good with anything else, at least once
	askedTwice map[int]bool // unknown, and offered again
	limit      int          // of recipients; 0 for none
	last       [2]int       // kind and place of the batch before; see place
	breaks     int
	broken     bool
	killed     bool // and the process with it
}

func (m *machine) visit(window int) *visit {
	return &visit{machine: m, window: window, offered: map[int]bool{}, retry: map[int]bool{},
		unknown: map[int]bool{}, known: map[int]bool{}, askedTwice: map[int]bool{}}
}

// session is one session, with a server that does anything.
func (m *machine) session(t *rapid.T) {
	kinds := rapid.SampledFrom([][]string{
		{"taken"}, {"taken", "deferred", "refused", "many"}, {"taken", "taken", "taken", "broken"},
		{"taken", "taken", "taken", "killed"}, {"taken", "deferred", "refused", "killed"},
		{"refused", "deferred"}, {"broken"}, {"taken", "refused"}, {"unknown"}, {"unknown"},
		{"unknown", "deferred"}, {"unknown", "refused"}, {"unknown", "unknown", "taken"},
	}).Draw(t, "server")
	m.fails = rapid.IntRange(0, 4).Draw(t, "qmail-queue") == 0
	m.slow = rapid.Bool().Draw(t, "slow file system")
	v := m.visit(rapid.IntRange(1, 3).Draw(t, "window"))
	v.kind = func(t *rapid.T) string { return rapid.SampledFrom(kinds).Draw(t, "reply") }
	v.server.RcptMax = rapid.SampledFrom([]int{0, 2}).Draw(t, "RCPTMAX")
	v.limit = v.server.RcptMax
	v.server.Size = rapid.SampledFrom([]int64{0, 0, 500}).Draw(t, "SIZE")
	v.run(t)
}

func (v *visit) run(t *rapid.T) {
	sp, end := v.open(v.t, func() time.Time { return v.clock })
	defer func() { v.end(t, end) }()
	v.spool, sp.bouncer.Inject = sp, v.inject
	sp.Times.Fresh = 0
	if v.slow {
		sp.Times.SlowCall = 0
	}
	mayWait, err := sp.MayWait(time.Now().Add(time.Minute))
	require.OK(v.t, err)
	if !mayWait {
		return
	}
	v.checkHistory(t)
	v.breaks = sp.reader.suspectBreaks
	require.OK(v.t, sp.Start(v.server, func() bool { return false }))
	for !v.broken && v.step(t) {
	}
	if v.killed {
		v.suspects = nil
		if !sp.history.Unwritten() { // or the notes do not say yet what was answered
			v.suspect(sp)
		}
		return
	}
	sp.Finish()
	sp.Broken()
	sp.Settle()
	v.suspects = nil
	if !v.broken {
		sp.End()
		v.checkEnd(t)
		return
	}
	v.suspect(sp)
	v.rung = min(sp.history.Rung()+1, 2)
	sp.history.Lower()
	sp.Write()
}

// suspect remembers whom the next session must suspect.
func (v *visit) suspect(sp *Spool) {
	v.suspects = map[int]int{}
	for _, m := range v.inFlight[0].Messages {
		v.suspects[number(m)] = sp.history.Of(m.base).Breaks
	}
}

// end closes the spool. If the process was killed, the notes are what they were then.
func (v *visit) end(t *rapid.T, end func()) {
	if !v.killed {
		end()
		return
	}
	v.spool.removals.settle(0)
	notes, err := os.ReadFile(v.maildir + "/vodmr.notes")
	if err != nil {
		t.Fatal(err)
	}
	end()
	if err := os.WriteFile(v.maildir+"/vodmr.notes", notes, 0o600); err != nil {
		t.Fatal(err)
	}
}

// few: the server refused nothing but one or two recipients, as unknown.
func (v *visit) few() bool {
	return len(v.known) == 0 && len(v.unknown) > 0 && len(v.unknown) <= mostUnknown
}

// checkRetry: a server that never took a message is asked again only about one or two
// unknown recipients, when nothing is in flight and nothing more waits.
func (v *visit) checkRetry(t *rapid.T, b *Batch) {
	if v.trusted {
		return
	}
	if !v.few() || len(v.inFlight) > 0 {
		t.Fatalf("%v are offered again; unknown %v, otherwise refused %v, %d in flight", numbers(b), v.unknown, v.known, len(v.inFlight))
	}
	left := v.waiting(v.t)
	for i := range v.queued {
		if left[name(i)] && (!v.offered[i] || v.retry[i]) {
			t.Fatalf("%v are offered again before message %d", numbers(b), i)
		}
	}
}

func numbers(b *Batch) (all []int) {
	for _, m := range b.Messages {
		all = append(all, number(m))
	}
	return all
}

// checkEnd: a session that had a clean end has offered all.
func (v *visit) checkEnd(t *rapid.T) {
	left := v.waiting(v.t)
	for i := range v.queued {
		if left[name(i)] && (!v.offered[i] || v.retry[i]) && v.server.Size == 0 {
			t.Fatalf("message %d was not offered, or not again", i)
		}
		if left[name(i)] && v.unknown[i] && !v.believed[i] && !v.trusted && v.few() && !v.askedTwice[i] {
			t.Fatalf("the unknown recipient of %d was not offered again", i)
		}
	}
}

// checkHistory: of a session that broke, the first batch without an answer is suspected,
// and the next session is on a lower rung.
func (v *visit) checkHistory(t *rapid.T) {
	left := v.waiting(v.t)
	for i, before := range v.suspects {
		if !left[name(i)] {
			return // another may be suspected in its place
		}
		if breaks := v.spool.history.Of(name(i)).Breaks; breaks <= before {
			t.Fatalf("message %d broke the session, and has %d breaks, %d before", i, breaks, before)
		}
	}
	if rung := v.spool.history.Rung(); rung > v.rung {
		t.Fatalf("on rung %d, want %d at most", rung, v.rung)
	}
	v.rung = v.spool.history.Rung()
}

// step sends one batch, or takes one answer. It is false when nothing is left.
func (v *visit) step(t *rapid.T) bool {
	b := v.next(t)
	switch {
	case b == nil && len(v.inFlight) > 0:
		v.answer(t)
		return true
	case b == nil:
		return v.spool.Settle()
	case b.Foretold.Code != 0:
		v.spool.Ended(b)
		for _, m := range b.Messages {
			v.refuse(number(m))
			v.known[number(m)] = true
			v.spool.Refused(m, b.Foretold, Foretold)
		}
		return true
	}
	for b.Plain && len(v.inFlight) > 0 && !v.broken {
		v.answer(t)
	}
	if v.broken {
		return false
	}
	v.checkBatch(t, b)
	v.spool.Begun(b)
	v.spool.WriteAhead(v.window - 1)
	v.inFlight = append(v.inFlight, b)
	for !v.broken && (len(v.inFlight) >= v.window || b.Plain && len(v.inFlight) > 0) {
		v.answer(t)
	}
	return true
}

// next is Spool.Next, and has no effects.
func (v *visit) next(t *rapid.T) *Batch {
	if v.spool.removals.underWay > 0 {
		return v.spool.Next() // the state changes meanwhile
	}
	before := v.state()
	b := v.spool.Next()
	if after := v.state(); after != before {
		t.Fatalf("Next changed this:\n%s\nto this:\n%s", before, after)
	}
	return b
}

// state is all that a session can change.
func (v *visit) state() string {
	var files []string
	for file := range v.waiting(v.t) {
		files = append(files, file)
	}
	slices.Sort(files)
	notes, _ := os.ReadFile(v.maildir + "/vodmr.notes")
	log, err := os.ReadFile(v.log.Name())
	require.OK(v.t, err)
	return fmt.Sprint(files, string(notes), len(log), v.bounced)
}

// checkBatch: the copies are of one message, and no message goes twice; new ones go in
// the order of their age, then those that were tried, then suspects, alone.
func (v *visit) checkBatch(t *rapid.T, b *Batch) {
	if v.limit > 0 && len(b.Messages) > v.limit {
		t.Fatalf("%d recipients, over the server's %d", len(b.Messages), v.limit)
	}
	repeated := b.Retry()
	if repeated {
		v.checkRetry(t, b)
	}
	for _, m := range b.Messages {
		i := number(m)
		if v.taken[i]+v.bounced[i] > 0 || v.offered[i] && !v.retry[i] && !m.retry {
			t.Fatalf("message %d is offered again", i)
		}
		repeated = repeated || v.retry[i]
		v.offered[i], v.retry[i], v.askedTwice[i] = true, false, m.retry
		if m.sum != b.Messages[0].sum {
			t.Fatalf("message %d is no copy of %d", i, number(b.Messages[0]))
		}
	}
	note := v.spool.history.Of(b.Messages[0].base)
	suspect := note.Breaks >= history.DemoteAfter
	if suspect && !(b.Plain && len(b.Messages) == 1 && len(v.inFlight) == 0) {
		t.Fatalf("the suspect %d does not go alone", number(b.Messages[0]))
	}
	if repeated || suspect && note.Breaks == v.breaks {
		return
	}
	at := place(b, note)
	if slices.Compare(at[:], v.last[:]) < 0 {
		t.Fatalf("message %d goes behind what it should precede: %v, %v", number(b.Messages[0]), at, v.last)
	}
	v.last = at
}

// place is a batch's place in the order of a session.
func place(b *Batch, note history.Note) [2]int {
	switch {
	case note.Breaks >= history.DemoteAfter:
		return [2]int{2, note.Breaks}
	case note.Tries > 0:
		return [2]int{1, note.Tries}
	}
	return [2]int{0, number(b.Messages[0])}
}

// answer takes the reply to the oldest batch in flight.
func (v *visit) answer(t *rapid.T) {
	b, kind := v.inFlight[0], v.kind(t)
	if kind == "broken" || kind == "killed" {
		v.broken, v.killed = true, kind == "killed"
		return
	}
	v.inFlight = v.inFlight[1:]
	v.spool.Ended(b)
	if kind == "taken" {
		v.trusted = true
		v.spool.Trust.Taken(len(b.Messages))
	}
	var later []*Message
	for place, m := range b.Messages {
		i := number(m)
		switch {
		case kind == "taken" || kind == "many" && place == 0:
			v.taken[i]++
			v.spool.Delivered(m, smtp.NewReply(250, "", "ok"))
		case kind == "many":
			v.retry[i] = true
			v.limit = 1
			v.spool.LimitRecipients(1)
			v.spool.Retry(m)
			later = append(later, m)
		case kind == "refused":
			v.refuse(i)
			v.known[i] = true
			v.spool.Refused(m, smtp.NewReply(550, "5.7.1", "no"), ByServer)
		case kind == "unknown":
			v.refuse(i)
			v.believed[i] = v.believed[i] || m.retry // see checkRetry
			v.unknown[i] = true
			v.spool.Refused(m, smtp.NewReply(550, "5.1.1", "no such user"), ByServer)
		default:
			v.deferred[i]++
			v.spool.Deferred(m, smtp.NewReply(451, "4.3.0", "later"))
		}
	}
	v.spool.Repeat(later, b.Plain)
	if (kind == "refused" || kind == "unknown") && !b.Retry() {
		v.spool.Trust.RefusedAll(smtp.NewReply(550, "5.7.1", "no"))
	}
	v.spool.Settle()
	if v.spool.removals.underWay > MaxRemovals {
		t.Fatalf("%d removals are under way", v.spool.removals.underWay)
	}
	if left := v.waiting(v.t); kind == "taken" && v.spool.removals.underWay == 0 {
		for _, m := range b.Messages {
			if left[m.base] {
				t.Fatalf("message %d was taken and is still there", number(m))
			}
		}
	}
}

// drain has a server take all that is left, in one session.
func (m *machine) drain(t *rapid.T) {
	m.fails = false
	v := m.visit(3)
	v.kind = func(*rapid.T) string { return "taken" }
	v.run(t)
	m.check(t)
	for i := range m.queued {
		if m.taken[i]+m.bounced[i] == 0 {
			t.Fatalf("a server that takes all leaves message %d", i)
		}
	}
}

// TestSpoolMachine: through any sequence of sessions, each message is taken or bounced
// exactly once, in the right order, and Next changes nothing.
func TestSpoolMachine(t *testing.T) {
	require.OK(t, flag.Set("rapid.nofailfile", "true")) // a failure prints what it takes to repeat it
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(t)
		defer m.log.Close()
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check, "deliver": m.deliver, "deliver more": m.deliver, "session": m.session, "wait": m.wait,
			"spoil": m.spoil, "remove": m.remove,
		})
		m.drain(rt)
	})
}
