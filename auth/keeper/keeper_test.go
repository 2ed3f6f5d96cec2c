package keeper

import (
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
