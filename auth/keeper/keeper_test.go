package keeper

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/fdio"
	"vodmr/internal/logline"
)

// A keeper does what our talker asks and nothing else. An unknown request, TLS without a
// TLS program or twice, and bad credentials end it.
func TestKeeperAnswers(t *testing.T) {
	gone := func() *Wrapper { return &Wrapper{control: -1, read: -1, write: -1} }
	for name, test := range map[string]struct {
		wrapper  *Wrapper
		requests string
		answers  string
		err      error
	}{
		"nothing":              {nil, "", "", io.EOF},
		"no TLS program":       {nil, "oo", "nn", io.EOF},
		"TLS program is gone":  {gone(), "o", "n", io.EOF},
		"TLS without one":      {nil, "s", "", errBadRequest},
		"TLS twice":            {gone(), "ss", "n", errBadRequest},
		"unknown":              {nil, "ox", "n", errBadRequest},
		"no credentials":       {nil, "l\x00\x00", "", errBadRequest},
		"half of a login":      {nil, "l\x00\x08a\x00", "", io.ErrUnexpectedEOF},
		"EXTERNAL without TLS": {nil, "x\x00\x04a\x00\x00\x00", "", errBadRequest},
		"a login in a smuggle": {nil, "l\x00\x08a\x00b\x00c\x00d\x00", "", errBadRequest},
	} {
		requests, ask, err1 := fdio.Pipe()
		hear, answers, err2 := fdio.Pipe()
		if err := errors.Join(err1, err2, fdio.WriteAll(ask, []byte(test.requests))); err != nil {
			t.Fatal(err)
		}
		unix.Close(ask)
		k := &Keeper{Wrapper: test.wrapper, Until: time.Now().Add(time.Minute), Log: logline.New(-1, "vodmr", "4711"), conn: fdio.New(requests, answers), answers: answers}
		if err := k.answer(); !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", name, err, test.err)
		}
		unix.Close(answers)
		unix.Close(requests)
		said, err := io.ReadAll(fdio.New(hear, -1))
		if err != nil || string(said) != test.answers {
			t.Errorf("%s: answered %q, %v, want %q", name, said, err, test.answers)
		}
		unix.Close(hear)
	}
}

// A talker that stays silent for longer than any session is not waited for.
func TestKeeperEndsInTime(t *testing.T) {
	requests, ask, err := fdio.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ask)
	defer unix.Close(requests)
	k := &Keeper{Until: time.Now().Add(-2 * graceTime), conn: fdio.New(requests, -1)}
	if err := k.answer(); err != fdio.ErrTimeout {
		t.Errorf("got %v, want a time-out", err)
	}
}

// A talker that closes the pipe and stays is not waited for either: it would hold a place
// at tcpserver for ever.
func TestKeeperLeavesTalkerThatStays(t *testing.T) {
	k := &Keeper{Until: time.Now().Add(-graceTime), Log: logline.New(-1, "vodmr", "4711")}
	if err := k.startTalker(nil, []string{stayingTalker + "=yes"}); err != nil {
		t.Fatal(err)
	}
	defer k.talker.Close()
	k.Until = time.Now().Add(time.Second - graceTime)
	if code := k.serve(); code != child.ExitTemporary {
		t.Errorf("exit code %d, want %d", code, child.ExitTemporary)
	}
	if !k.talker.EndsWithin(10 * time.Second) {
		t.Error("the talker stays")
	}
}

// stayingTalker makes this test program a talker that closes the pipe to the keeper.
const stayingTalker = "VODMR_TEST_STAYS"

func init() {
	if os.Getenv(stayingTalker) != "" {
		unix.Close(deskRequests)
		time.Sleep(time.Minute)
		os.Exit(0)
	}
}

// A talker in a stranger's hands can name any login beside the certificate that came, but
// neither password nor challenge, which vodmr-checkpw would then not know what to do with.
func TestExternalWithAPassword(t *testing.T) {
	program := Program{Argv: []string{"vodmr-checkpw"}, Environ: []string{"SSL_CLIENT_KEY_SHA256=" + strings.Repeat("0", 64), "SSL_PROTOCOL=TLSv1.3"}}
	for request, want := range map[string]error{
		"x\x00\x05a\x00b\x00\x00": errBadRequest,
		"x\x00\x05a\x00\x00b\x00": errBadRequest,
		"x\x00\x04a\x00\x00":      io.ErrUnexpectedEOF,
	} {
		requests, ask, err := fdio.Pipe()
		if err = errors.Join(err, fdio.WriteAll(ask, []byte(request))); err != nil {
			t.Fatal(err)
		}
		unix.Close(ask)
		k := &Keeper{Program: program, Until: time.Now().Add(time.Minute), conn: fdio.New(requests, -1)}
		if err := k.answer(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", request, err, want)
		}
		unix.Close(requests)
	}
}
