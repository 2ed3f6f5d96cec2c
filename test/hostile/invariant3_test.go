package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// guesses are texts that a peer without a password sends. None is right for the
// account that it names.
var guesses = []string{
	"EHLO x", "HELO x", "NOOP", "RSET", "HELP", "ATRN", "ATRN example.org", "ATRN example.org,stranger.test",
	"MAIL FROM:<>", "RCPT TO:<bob@example.org>", "DATA", "BDAT 3 LAST", "VRFY odmr", "ETRN example.org", "TURN",
	"STARTTLS", "AUTH", "AUTH PLAIN {b64 \x00odmr@example.org\x00tanstaaf}", "AUTH LOGIN", "AUTH CRAM-MD5 x",
	"AUTH CRAM-MD5", "{b64 odmr@example.org 0123456789abcdef0123456789abcdef}", "{b64 odmr@example.org}", "*", "=",
	"{b64 odmr@example.org\x000123456789abcdef0123456789abcdef\x00<1@x>}", "220 customer.example", "250 ok", "354 go",
	"", " ", "\x00", "ATRN\x00", "\tATRN", "atrn", "xATRN", "{x3000 ATRN }",
}

// reply matches what a peer without a login may receive: replies, except 235 and the
// 250 to ATRN.
var reply = regexp.MustCompile(`^(214|220|221|250|334|[45]\d\d)[ -]`)

// TestInvariant3NothingWithoutLogin: a peer without a password gets nothing but
// replies, no matter what it sends, in which order and in which pieces. It gets no
// mail, and the roles never turn.
func TestInvariant3NothingWithoutLogin(t *testing.T) {
	base := time.Now().UnixNano() % 1e9
	count := int64(40)
	if text := os.Getenv("VODMR_SEED"); text != "" {
		base, _ = strconv.ParseInt(text, 10, 64)
		count = 1
	}
	for i := range count {
		t.Run(fmt.Sprintf("seed %d", base+i), func(t *testing.T) {
			t.Parallel()
			guess(t, rand.New(rand.NewSource(base+i)))
		})
	}
}

// converse sends each text and waits for one reply to it, then reads to the end.
func converse(t *testing.T, p *peer, said []string, end string) {
	t.Helper()
	_ = p.tap.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(p.tap)
	for _, text := range said {
		if _, err := io.WriteString(p.tap, text+end); err != nil {
			break // it has closed; its last output can still be read
		}
		for line, err := "-go-", error(nil); err == nil && len(line) > 3 && line[3] == '-'; {
			line, err = in.ReadString('\n')
		}
	}
	p.CloseWrite() // the QUIT may have been taken as the answer to a challenge
	// If a program closes while bytes of ours are unread, the connection is reset.
	if _, err := io.Copy(io.Discard, in); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("after %q: %v, want the end", said, err)
	}
}

// guess runs one session.
func guess(t *testing.T, r *rand.Rand) {
	s := newSite(t, "30")
	log, err := os.Create(s.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	checkpw := []string{"vodmr-checkpw", "vchkpw"}[r.Intn(2)]
	p := s.dial(t, config{checkpw: checkpw, tls: "none"}, log)
	words := &script{t: t, peer: p, vars: map[string]string{}}
	var said []string
	wrong := 0 // each refused login takes seconds
	for range 1 + r.Intn(12) {
		text := guesses[r.Intn(len(guesses))]
		if strings.Contains(text, "0123456789abcdef") {
			if wrong++; wrong > 1 {
				continue
			}
		}
		said = append(said, words.expand(strings.ReplaceAll(text, "\x00", `\0`)))
	}
	end := []string{"\r\n", "\r\n", "\n"}[r.Intn(3)]
	said = append(said, "QUIT")
	if r.Intn(3) == 0 {
		said = []string{strings.Join(said, end)}
	}
	converse(t, p, said, end)
	p.finish()
	for line := range strings.Lines(p.tap.heard()) {
		if !reply.MatchString(line) || strings.Contains(line, "in the body") || strings.Contains(line, "the roles turn") {
			t.Errorf("after %q it said %q", said, line)
		}
	}
	if diff := cmp.Diff(s.mail, s.waiting(t)); diff != "" {
		t.Errorf("after %q the Maildirs changed (-want +got):\n%s", said, diff)
	}
}
