package relay

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// A flood is a Conn to a customer that says ATRN and, after the turn, never stops
// speaking. It counts what was read of it, how far the deadlines went, and how
// much memory was in use at most. After its last words it says nothing more,
// and the deadline passes at once.
type flood struct {
	command   string   // what is said before the turn
	opening   []string // what the customer's server says first, one for each wait
	words     string   // what it then repeats for ever; "" for silence
	piece     int      // bytes a read, at most
	rest      string
	read      int64
	exchanges int
	deadline  time.Time
	longest   time.Duration // from now to a deadline
	memory    uint64        // bytes in use at most
}

func (f *flood) SetDeadline(t time.Time) error {
	f.deadline = t
	f.longest = max(f.longest, time.Until(t))
	return nil
}

func (f *flood) Pending() bool                { return false }
func (f *flood) HungUp() bool                 { return false }
func (f *flood) Unacknowledged() (int, bool)  { return 0, false }
func (f *flood) Write(p []byte) (int, error)  { return len(p), nil }
func (f *flood) Wake(...int)                  {}
func (f *flood) Rest(time.Time) (bool, error) { return true, nil }

func (f *flood) Read(p []byte) (int, error) {
	if f.command == "" {
		return 0, io.EOF
	}
	n := copy(p, f.command)
	f.command = f.command[n:]
	return n, nil
}

func (f *flood) Exchange(out, in []byte) (wrote, read int, err error) {
	if f.deadline.IsZero() {
		return 0, 0, fmt.Errorf("a wait without a deadline")
	}
	if f.exchanges++; f.exchanges%200 == 0 {
		f.measure()
	}
	switch {
	case f.rest != "":
	case len(f.opening) > 0:
		f.rest, f.opening = f.opening[0], f.opening[1:]
	case f.words == "":
		if len(out) > 0 {
			return len(out), 0, nil
		}
		return 0, 0, os.ErrDeadlineExceeded
	default:
		f.rest = f.words
	}
	n := copy(in[:min(len(in), f.piece)], f.rest)
	f.rest = f.rest[n:]
	if f.read += int64(n); f.read > 256<<20 {
		return 0, 0, fmt.Errorf("still reading after 256 MiB")
	}
	return len(out), n, nil
}

func (f *flood) measure() {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	f.memory = max(f.memory, stats.HeapAlloc)
}

// TestInvariant6MemoryAndEnd: whatever the customer's server says and goes on
// saying, or not, the session ends, after a bounded number of bytes; memory
// stays bounded; and no wait is without a deadline.
func TestInvariant6MemoryAndEnd(t *testing.T) {
	const (
		messages   = 120
		mostRead   = 4 * messages * (64 << 10) // a reply of 64 KiB to each command
		mostMemory = 128 << 20                 // beyond what was in use before
		mostWait   = 10*time.Minute + time.Second
	)
	ehlo := []string{"220 c\r\n", "250-c\r\n250-PIPELINING\r\n250 CHUNKING\r\n"}
	long := strings.Repeat("x", 4000)
	for name, f := range map[string]flood{
		"silence":                      {},
		"silence after EHLO":           {opening: ehlo},
		"a greeting without end":       {words: "220-hello\r\n"},
		"a greeting line without end":  {words: long},
		"NULs":                         {words: "\x00"},
		"line ends":                    {words: "\r\n"},
		"a reply to EHLO without end":  {opening: ehlo[:1], words: "250-" + long + "\r\n"},
		"a million extensions":         {opening: ehlo[:1], words: "250-LIMITS RCPTMAX=9 MAILMAX=999999999\r\n"},
		"yes to everything":            {opening: ehlo, words: "250 ok\r\n"},
		"no to everything":             {opening: ehlo, words: "550 no\r\n"},
		"later to everything":          {opening: ehlo, words: "450 later\r\n"},
		"long replies":                 {opening: ehlo, words: strings.Repeat("250-"+long+"\r\n", 15) + "250 ok\r\n"},
		"long refusals":                {opening: ehlo, words: strings.Repeat("550-"+long+"\r\n", 15) + "550 no\r\n"},
		"a reply without end":          {opening: ehlo, words: "250-ok\r\n"},
		"a byte at a time without end": {opening: ehlo, words: "250-ok\r\n", piece: 1},
		"354 to everything":            {opening: ehlo, words: "354 go\r\n"},
		"500 to everything":            {opening: ehlo, words: "500 what\r\n"},
		"commands instead of replies":  {opening: ehlo[:1], words: "MAIL FROM:<>\r\n"},
		"without PIPELINING, a flood":  {opening: []string{"220 c\r\n", "250 c\r\n"}, words: "250 ok\r\n"},
		"without PIPELINING, refusals": {opening: []string{"220 c\r\n", "250 c\r\n"}, words: "550 no\r\n"},
		"ATRN's line without end":      {command: strings.Repeat("x", 1<<20)},
		"100000 commands before ATRN":  {command: strings.Repeat("NOOP\r\n", 100_000)},
		"100000 unknown commands":      {command: strings.Repeat("X\r\n", 100_000)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.config["VODMR_SOFTBOUNCE"] = "1" // a million bounces would only take long
			s.fill(t, messages)
			if f.command == "" {
				f.command = "ATRN\r\n"
			}
			if f.piece == 0 {
				f.piece = 1 << 20
			}
			peer, err := os.Open(os.DevNull)
			require.OK(t, err)
			defer peer.Close()
			config := s.relayConfig(peer, openLog(t, s))
			config.Conn = &f
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			err = Serve(config)
			f.measure()
			if f.read > mostRead {
				t.Errorf("%d bytes were read before the end: %v", f.read, err)
			}
			if grown := int64(f.memory) - int64(before.HeapAlloc); grown > mostMemory {
				t.Errorf("%d bytes more in use", grown)
			}
			if f.longest > mostWait {
				t.Errorf("a wait of up to %v", f.longest)
			}
			if log := s.log(t); !strings.Contains(log, " end ") {
				t.Errorf("the log has no end:\n%.1000s", log)
			}
		})
	}
}
