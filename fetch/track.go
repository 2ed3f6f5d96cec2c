package fetch

import (
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodmr/internal/address"
	"vodmr/smtp"
)

// A tracker follows an SMTP session that passes through, to count messages and
// to know whether it ended in order. It sees each block before it is passed on,
// so a reply is known before the provider can act on it. Its memory is bounded:
// if the session leaves what it can follow, it goes blind and counts no more.
type tracker struct {
	tally      *Tally
	accounting accounting
	seed       maphash.Seed

	mu      sync.Mutex // of a guard, whose two goroutines share all that follows
	blind   bool       // cannot follow any more
	unasked string     // a reply to nothing, after which replies and commands do not match
	quit    bool       // the provider said QUIT
	closing bool       // the receiving side said 421
	moved   time.Time  // when bytes came last, from either side

	line  lineStart // an unfinished command
	state trackState
	mails int   // MAIL commands so far
	left  int64 // octets of the chunk still to come
	size  int64 // of the message so far
	data  dataDecoder
	text  []byte // scratch

	owed     []owedReply
	listener listener

	once    bool      // the session is to end once nothing more waits
	idle    bool      // there was nothing else for some time before this block
	working bool      // this block has other commands than RSET and NOOP
	active  time.Time // when there was last something else than NOOP and its reply
}

type trackState int

const (
	inCommands trackState = iota
	afterDATA             // until its reply decides what follows
	inData
	inChunk
)

// An owedReply is a command that was not answered yet.
type owedReply struct {
	kind    owedKind
	ours    smtp.Reply // a guard's, in place of the receiving side's; zero for none
	held    bool       // a guard has not said ours yet
	number  int        // of a MAIL: how many there were, with it
	address pathHash   // of a MAIL or RCPT
	null    bool       // MAIL's was the null sender
	size    int64      // of content; of a MAIL as announced
	path    string     // of a MAIL or RCPT, if messages are told of
}

type owedKind int

const (
	owedOther owedKind = iota
	owedGreeting
	owedEHLO
	owedHELO
	owedMail
	owedRcpt
	owedDATA
	owedChunk   // a chunk that is not the last
	owedContent // the end of a message's content
	owedReset
	owedTLS
	owedNoop
)

// Bounds of what a tracker remembers.
const (
	trackedLine = 4096   // bytes of a command line: enough for a path of maxPath and its parameters
	maxOwed     = 100000 // replies
)

func newTracker(tally *Tally) *tracker {
	return &tracker{
		tally: tally, accounting: accounting{tally: tally}, seed: maphash.MakeSeed(),
		owed: []owedReply{{kind: owedGreeting}}, moved: time.Now(), active: time.Now(),
	}
}

// replyTime is for how long a receiving side may think about its reply (RFC 5321
// section 4.5.3.2.6, about the final dot).
const replyTime = 10 * time.Minute

// idleTime is after how long without mail a NOOP shows that no more mail waits. A provider
// that says NOOP at once, or between two messages, still has something to do.
const idleTime = 5 * time.Second

// goBlind gives up following.
func (t *tracker) goBlind() {
	t.blind = true
	t.tally.note(func(c *Counts) { c.Lost = true })
}

// quietUntil is when the session has been quiet for too long: for silence, and
// for a slow reply too if there may be one to wait for.
func (t *tracker) quietUntil(silence time.Duration) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blind || len(t.owed) > 0 {
		silence += replyTime
	}
	return t.moved.Add(silence)
}

// ended reports if the session may end here without harm: the provider said QUIT,
// and all before it was answered.
func (t *tracker) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.quit && len(t.owed) <= 1 || t.blind
}

// outOfStep returns the first reply that nobody asked for, "" if there was none. A
// provider may take such a reply for the one to a message that follows.
func (t *tracker) outOfStep() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unasked
}

// commands sees what the provider sends.
func (t *tracker) commands(p []byte) {
	for len(p) > 0 && !t.blind {
		switch t.state {
		case inCommands:
			line, whole, n := t.line.feed(p, trackedLine)
			if p = p[n:]; whole {
				t.obey(line)
			}
		case afterDATA: // the provider went on without waiting
			t.state = inData
		case inData:
			p = t.dataContent(p)
		case inChunk:
			p = t.chunk(p)
		}
	}
}

// beginBlock is called before the commands of one read. A read may end within a line: the
// block goes on with the next one then. vodmr-tls has the LF of a line in a record of its own.
func (t *tracker) beginBlock() {
	t.moved = time.Now()
	if len(t.line.text) > 0 {
		return
	}
	t.working = false
	t.idle = t.once && !t.blind && len(t.owed) == 0 && t.state == inCommands &&
		t.accounting.now.accepted == 0 && time.Since(t.active) >= idleTime
}

// endBlock is called behind them. If NOOP was all that came to an idle session, the session
// ends, and the tally knows. RSET may come before it: a provider says that first if the last
// message was refused.
func (t *tracker) endBlock() (leave bool) {
	if len(t.line.text) > 0 {
		return false
	}
	last := t.owed
	if len(last) == 2 && last[0].kind == owedReset {
		last = last[1:]
	}
	if t.working || len(last) != 1 || last[0].kind != owedNoop {
		t.active = t.moved
		return false
	}
	if t.idle {
		t.tally.leave()
	}
	return t.idle
}

// obey follows one command.
func (t *tracker) obey(line string) {
	verb, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
	verb = address.Lower(verb)
	owed := owedReply{kind: map[string]owedKind{
		"ehlo": owedEHLO, "helo": owedHELO, "rset": owedReset, "starttls": owedTLS, "noop": owedNoop,
	}[verb]}
	switch verb {
	case "mail":
		t.mails++
		t.size = 0
		owed = t.envelope(owedMail, arg)
	case "rcpt":
		owed = t.envelope(owedRcpt, arg)
	case "data":
		owed.kind, t.state, t.data, t.size = owedDATA, afterDATA, dataDecoder{}, 0
	case "bdat":
		owed = t.startChunk(arg)
	case "quit":
		t.quit = true
	}
	t.working = t.working || owed.kind != owedReset && owed.kind != owedNoop
	t.owe(owed)
}

// envelope reads what matters of MAIL or RCPT: the address, and the size that MAIL
// announces (RFC 1870).
func (t *tracker) envelope(kind owedKind, arg string) owedReply {
	owed := owedReply{kind: kind, number: t.mails}
	_, path, ok := strings.Cut(arg, ":")
	if !ok {
		path = arg
	}
	path = strings.TrimLeft(path, " ")
	params := ""
	if end := pathEnd(path); end >= 0 {
		path, params = path[1:end], path[end+1:]
	}
	if t.tally.each != nil {
		owed.path = path
	}
	if path != "" || kind == owedMail {
		owed.address = pathHash(maphash.String(t.seed, path) | 1)
	}
	owed.null = path == "" && kind == owedMail
	for _, param := range strings.Fields(params) {
		if size, ok := strings.CutPrefix(address.Lower(param), "size="); ok {
			owed.size, _ = strconv.ParseInt(size, 10, 64)
		}
	}
	return owed
}

// startChunk follows BDAT (RFC 3030 section 2).
func (t *tracker) startChunk(arg string) owedReply {
	size, last, ok := chunkArgs(arg)
	if !ok {
		t.goBlind()
		return owedReply{}
	}
	t.left = size
	t.size += t.left
	if t.left > 0 {
		t.state = inChunk
	}
	if last {
		return t.endOfContent()
	}
	return owedReply{kind: owedChunk}
}

func (t *tracker) endOfContent() owedReply {
	owed := owedReply{kind: owedContent, size: t.size}
	t.size = 0
	return owed
}

func (t *tracker) owe(o owedReply) {
	if len(t.owed) >= maxOwed {
		t.goBlind()
		return
	}
	t.owed = append(t.owed, o)
}

func (t *tracker) dataContent(p []byte) []byte {
	var n int
	var done bool
	t.text, n, done = t.data.decode(t.text[:0], p)
	t.sawData(n, done)
	return p[n:]
}

// sawData counts bytes of content behind DATA; done says that they are the last.
func (t *tracker) sawData(n int, done bool) {
	t.size += int64(n)
	t.tally.content(n)
	if done {
		t.state = inCommands
		t.owe(t.endOfContent())
	}
}

func (t *tracker) chunk(p []byte) []byte {
	n := int(min(int64(len(p)), t.left))
	t.tally.content(n)
	if t.left -= int64(n); t.left == 0 {
		t.state = inCommands
	}
	return p[n:]
}
