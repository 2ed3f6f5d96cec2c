package fetch

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A tracker follows an SMTP session that passes through, to count messages and
// to know whether it ended in order. It sees each block before it is passed on,
// so a reply is known before the provider can act on it. Its memory is bounded:
// where the session leaves what it can follow, it goes blind and counts no
// more.
type tracker struct {
	tally *Tally

	mu    sync.Mutex
	blind bool      // cannot follow any more
	quit  bool      // the provider said QUIT
	moved time.Time // when bytes came last, from either side

	line  []byte // the start of an unfinished command
	state trackState
	left  int64 // octets of the chunk still to come
	size  int64 // of the message so far
	data  dataDecoder
	text  []byte // scratch

	owed  []owedReply
	reply []byte // the start of an unfinished reply line
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
	kind owedKind
	size int64
}

type owedKind int

const (
	owedOther owedKind = iota
	owedDATA
	owedContent // the end of a message's content
	owedTLS
)

// Bounds of what a tracker remembers.
const (
	trackedLine = 64     // bytes of a line: enough for BDAT's
	maxOwed     = 100000 // replies
)

func newTracker(tally *Tally) *tracker {
	return &tracker{tally: tally, owed: []owedReply{{}}, moved: time.Now()} // it owes the greeting
}

// replyTime is for how long a receiving side may think about its reply (RFC 5321
// section 4.5.3.2.6, about the final dot).
const replyTime = 10 * time.Minute

// quietUntil is when the session has been quiet for too long: for silence, and
// for a slow reply too where there may be one to wait for.
func (t *tracker) quietUntil(silence time.Duration) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blind || len(t.owed) > 0 {
		silence += replyTime
	}
	return t.moved.Add(silence)
}

// ended says whether the session may end here without harm.
func (t *tracker) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.quit || t.blind
}

// commands sees what the provider sends.
func (t *tracker) commands(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.moved = time.Now()
	for len(p) > 0 && !t.blind {
		switch t.state {
		case inCommands:
			p = t.command(p)
		case afterDATA: // the provider went on without waiting
			t.state = inData
		case inData:
			p = t.dataContent(p)
		case inChunk:
			p = t.chunk(p)
		}
	}
}

// command takes one line, or the start of one, and returns what follows it.
func (t *tracker) command(p []byte) []byte {
	n := bytes.IndexByte(p, '\n')
	if n < 0 {
		t.line = appendStart(t.line, p)
		return nil
	}
	t.line = appendStart(t.line, p[:n])
	t.obey(strings.Fields(strings.ToUpper(string(t.line))))
	t.line = t.line[:0]
	return p[n+1:]
}

func appendStart(dst, p []byte) []byte {
	return append(dst, p[:min(len(p), trackedLine-len(dst))]...)
}

// obey follows one command.
func (t *tracker) obey(words []string) {
	kind := owedOther
	if len(words) > 0 {
		switch words[0] {
		case "MAIL":
			t.size = 0
		case "DATA":
			kind, t.state, t.data, t.size = owedDATA, afterDATA, dataDecoder{}, 0
		case "BDAT":
			kind = t.startChunk(words[1:])
		case "STARTTLS":
			kind = owedTLS
		case "QUIT":
			t.quit = true
		}
	}
	t.owe(kind)
}

func (t *tracker) startChunk(args []string) owedKind {
	var err error
	if len(args) == 0 {
		t.blind = true
		return owedOther
	}
	if t.left, err = strconv.ParseInt(args[0], 10, 64); err != nil || t.left < 0 {
		t.blind = true
		return owedOther
	}
	t.size += t.left
	if t.left > 0 {
		t.state = inChunk
	}
	if len(args) > 1 && args[1] == "LAST" {
		return owedContent
	}
	return owedOther
}

func (t *tracker) owe(kind owedKind) {
	if len(t.owed) >= maxOwed {
		t.blind = true
		return
	}
	t.owed = append(t.owed, owedReply{kind, t.size})
	if kind == owedContent {
		t.size = 0
	}
}

func (t *tracker) dataContent(p []byte) []byte {
	var n int
	var done bool
	t.text, n, done = t.data.decode(t.text[:0], p)
	t.size += int64(n)
	t.tally.content(n)
	if done {
		t.state = inCommands
		t.owe(owedContent)
	}
	return p[n:]
}

func (t *tracker) chunk(p []byte) []byte {
	n := int(min(int64(len(p)), t.left))
	t.tally.content(n)
	if t.left -= int64(n); t.left == 0 {
		t.state = inCommands
	}
	return p[n:]
}

// replies sees what the receiving side sends.
func (t *tracker) replies(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.moved = time.Now()
	for len(p) > 0 && !t.blind {
		n := bytes.IndexByte(p, '\n')
		if n < 0 {
			t.reply = appendStart(t.reply, p)
			return
		}
		t.reply = appendStart(t.reply, p[:n])
		if len(t.reply) < 4 || t.reply[3] != '-' {
			t.answered(string(t.reply[:min(3, len(t.reply))]))
		}
		t.reply = t.reply[:0]
		p = p[n+1:]
	}
}

// answered matches a reply to the oldest command without one.
func (t *tracker) answered(code string) {
	if len(t.owed) == 0 {
		return // such as an unasked 421
	}
	owed := t.owed[0]
	t.owed = t.owed[1:]
	good := strings.HasPrefix(code, "2")
	switch {
	case owed.kind == owedContent && good:
		t.tally.accepted(owed.size)
	case owed.kind == owedDATA && code == "354":
		t.state = inData
	case owed.kind == owedDATA && t.state == afterDATA:
		t.state = inCommands
	case owed.kind == owedTLS && good:
		t.blind = true
	}
}
