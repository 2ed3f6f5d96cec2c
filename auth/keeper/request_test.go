package keeper

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/auth"
	"vodmr/internal/fdio"
	"vodmr/internal/ucspi"
)

// desk is a talker's desk, and the keeper's ends of its pipes.
func desk(t *testing.T) (d *Desk, requests, answers int) {
	t.Helper()
	requests, ask, err1 := fdio.Pipe()
	hear, answers, err2 := fdio.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(requests)
		unix.Close(ask)
	})
	d = &Desk{requests: ask, answers: hear, plain: [2]int{-1, -1}}
	d.conn = fdio.New(d.answers, d.requests)
	return d, requests, answers
}

// heard reads what the talker asked.
func heard(t *testing.T, requests int, n int) string {
	t.Helper()
	text := make([]byte, n)
	c := fdio.New(requests, -1)
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(c, text); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Only the end of file and the byte for it are a refusal, and only the troubles that have a
// name are trouble; so is the end of file of a program that has begun.
func TestDeskCheck(t *testing.T) {
	for answer, want := range map[string]string{
		"": "refused", "\x00": "", "x": "", "\xff": "", "\x06": "", "\x04": "refused",
		"\x05": "without a verdict", "\x05\x05": "without a verdict", "\x05\x00": "", "\x05\x04": "refused", "\x05\x01": "could not be run",
		"\x01": "could not be run", "\x02": "could not check", "\x03": "could not begin",
	} {
		d, requests, answers := desk(t)
		if err := fdio.WriteAll(answers, []byte(answer)); err != nil {
			t.Fatal(err)
		}
		unix.Close(answers)
		err := d.Check(credentials, time.Now().Add(time.Minute))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || errors.Is(err, auth.ErrRefused) != (want == "refused") {
			t.Errorf("%q: %v, want %q", answer, err, want)
		}
		text := credentials.Bytes()
		if got, want := heard(t, requests, 3+len(text)), "l\x00"+string(rune(len(text)))+string(text); got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
}

// A verdict that comes too late reaches nobody: its writer must not take the connection.
func TestDeskCheckInTime(t *testing.T) {
	d, _, answers := desk(t)
	defer unix.Close(answers)
	err := d.Check(credentials, time.Now())
	if err == nil || errors.Is(err, auth.ErrRefused) || !strings.Contains(err.Error(), "in time") {
		t.Errorf("got %v", err)
	}
	if err := fdio.WriteAll(answers, []byte{0}); err != unix.EPIPE {
		t.Errorf("a late verdict: %v, want EPIPE", err)
	}
}

func TestDeskAsksForTLS(t *testing.T) {
	for answer, open := range map[string]bool{"y": true, "n": false, "": false, "\x00": false} {
		d, requests, answers := desk(t)
		if err := fdio.WriteAll(answers, []byte(answer)); err != nil {
			t.Fatal(err)
		}
		unix.Close(answers)
		if got := d.Open(); got != open || heard(t, requests, 1) != "o" {
			t.Errorf("%q: open is %v", answer, got)
		}
	}
	d, requests, answers := desk(t)
	if err := fdio.WriteAll(answers, []byte("n")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Begin(time.Now().Add(time.Minute)); err != ucspi.ErrNoHandshake || heard(t, requests, 1) != "s" {
		t.Errorf("got %v, want no handshake", err)
	}
	unix.Close(answers)
	if _, err := d.Begin(time.Now().Add(time.Minute)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want that the keeper is gone", err)
	}
}

// A talker that is in a stranger's hands can ask for anything.
func TestReadCredentials(t *testing.T) {
	good := string(loginRequest(credentials)[1:])
	if text, err := readCredentials(strings.NewReader(good)); err != nil || string(text) != string(credentials.Bytes()) {
		t.Errorf("%q, %v", text, err)
	}
	long := strings.Repeat("x", auth.MaxCredentials-3)
	for name, request := range map[string]string{
		"nothing":           "\x00\x00",
		"two fields":        "\x00\x04a\x00b\x00",
		"four fields":       "\x00\x08a\x00b\x00c\x00d\x00",
		"no end":            "\x00\x06a\x00b\x00\x00c",
		"more than all":     "\xff\xff" + long,
		"one byte too many": "\x02\x01" + long + "x\x00\x00\x00",
		"cut":               good[:len(good)-1],
		"half a length":     "\x00",
	} {
		if text, err := readCredentials(strings.NewReader(request)); err == nil {
			t.Errorf("%s: %q was taken", name, text)
		}
	}
	most := "\x02\x00" + long + "\x00\x00\x00"
	if text, err := readCredentials(strings.NewReader(most)); err != nil || len(text) != auth.MaxCredentials {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// FuzzReadCredentials: what is taken are three fields that every checkpassword program has
// room for.
func FuzzReadCredentials(f *testing.F) {
	f.Add(string(loginRequest(credentials)[1:]))
	f.Add("\x00\x03\x00\x00\x00")
	f.Fuzz(func(t *testing.T, request string) {
		text, err := readCredentials(strings.NewReader(request))
		if err != nil {
			return
		}
		if len(text) > auth.MaxCredentials || strings.Count(string(text), "\x00") != 3 || text[len(text)-1] != 0 {
			t.Errorf("%q", text)
		}
	})
}
