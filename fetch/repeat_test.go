package fetch

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/smtp"
)

// waits runs a Repeat over the given results and returns its waits.
func waits(every time.Duration, random float64, results ...error) []time.Duration {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var slept []time.Duration
	r := Repeat{
		Every:   every,
		Random:  func() float64 { return random },
		Waiting: func(time.Duration) {},
		Sleep:   func(_ context.Context, d time.Duration) { slept = append(slept, d) },
		Session: func(context.Context) error {
			if len(results) == 0 {
				stop()
				return nil
			}
			err := results[0]
			results = results[1:]
			return err
		},
	}
	r.Run(ctx)
	return slept
}

func TestRepeatWaits(t *testing.T) {
	bad := loginRefused(smtp.Reply{}, "no")
	const m = time.Minute
	for _, test := range []struct {
		name    string
		every   time.Duration
		random  float64
		results []error
		want    []time.Duration
	}{
		{"successes", m, 0.5, []error{nil, nil}, []time.Duration{m, m}},
		{"failures", m, 0.5, []error{nil, bad, bad, bad, bad, bad, nil, bad},
			[]time.Duration{m, 2 * m, 4 * m, 8 * m, 15 * m, 15 * m, m, 2 * m}},
		{"longer than the limit", 20 * m, 0.5, []error{bad, bad}, []time.Duration{20 * m, 20 * m}},
		{"jitter down", m, 0, []error{nil, bad}, []time.Duration{54 * time.Second, 108 * time.Second}},
		{"jitter up", m, 1, []error{nil}, []time.Duration{66 * time.Second}},
	} {
		got := waits(test.every, test.random, test.results...)
		for i := range got {
			got[i] = got[i].Round(time.Millisecond)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestSleepStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	Sleep(ctx, time.Hour) // the test's time limit is the check
	Sleep(context.Background(), time.Nanosecond)
}

func TestReadPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pass")
	for _, test := range []struct {
		text    string
		mode    os.FileMode
		want    string
		exposed bool
	}{
		{"secret\n", 0o600, "secret", false},
		{"secret", 0o640, "secret", false},
		{" se cret \r\nsecond\n", 0o604, " se cret ", true},
		{"", 0o600, "", false},
		{"\nsecret\n", 0o600, "", false},
		{"a\x00b\n", 0o600, "", false},
	} {
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, test.mode); err != nil {
			t.Fatal(err)
		}
		got, exposed, err := ReadPassword(file)
		if got != test.want || exposed != test.exposed || (test.want == "") != (ExitCode(err) == ExitMisuse) {
			t.Errorf("%q: got %q, %v, %v", test.text, got, exposed, err)
		}
	}
	if _, _, err := ReadPassword(file + "x"); ExitCode(err) != ExitMisuse || !strings.Contains(err.Error(), file+"x") {
		t.Errorf("missing file: %v", err)
	}
}

func TestReport(t *testing.T) {
	for _, test := range []struct {
		messages, bytes int64
		turned          bool
		err             error
		want            string
	}{
		{2, 300, true, nil, "atrn: fetched 2 messages, 300 bytes from mail.example.net\n"},
		{0, 0, true, nil, "atrn: fetched 0 messages, 0 bytes from mail.example.net\n"},
		{0, 0, false, nil, "atrn: nothing waits at mail.example.net\n"},
		{0, 0, true, errors.New("no"), "atrn: no\n"},
		{1, 5, true, errors.New("a\r\n\x1b[2Jb\u009b"), "atrn: fetched 1 messages, 5 bytes from mail.example.net\natrn: a???[2Jb?\n"},
	} {
		tally := &Tally{}
		tally.turned.Store(test.turned)
		for range test.messages {
			tally.accepted(test.bytes / test.messages)
		}
		var b bytes.Buffer
		Report(&b, given{}, tally, test.err)
		if b.String() != test.want {
			t.Errorf("got %q, want %q", b.String(), test.want)
		}
	}
}

func TestMeter(t *testing.T) {
	tally := &Tally{}
	if got := meterLine(tally); got != "asking the provider" {
		t.Errorf("got %q", got)
	}
	tally.turned.Store(true)
	tally.content(50)
	tally.accepted(20)
	if got := meterLine(tally); got != "1 messages, 50 bytes" {
		t.Errorf("got %q", got)
	}
	lines := make(lineWriter, 10)
	m := StartMeter(lines, tally)
	if got := <-lines; got != "\r1 messages, 50 bytes\x1b[K" {
		t.Errorf("got %q", got)
	}
	m.Stop()
	if got := <-lines; got != "\r\x1b[K" {
		t.Errorf("got %q", got)
	}
}

type lineWriter chan string

func (l lineWriter) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestExitCode(t *testing.T) {
	if ExitCode(nil) != 0 || ExitCode(errors.New("x")) != 111 || ExitCode(misuse("x")) != 100 {
		t.Error("wrong exit codes")
	}
}
