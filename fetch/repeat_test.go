package fetch

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/smtp"
	"vodmr/test/kit/screen"
)

// delays returns the waits after the given results.
func delays(schedule Schedule, random float64, results ...Visit) (all []time.Duration) {
	for _, v := range results {
		all = append(all, schedule.Wait(v, random))
	}
	return all
}

// fixed is a Schedule in which chance has no part.
type fixed struct {
	Schedule
	random float64
}

func (f fixed) Wait(v Visit, _ float64) time.Duration { return f.Schedule.Wait(v, f.random) }

// Visits of each kind.
var (
	fine      = Visit{}
	refused   = Visit{Err: loginRefused(smtp.Reply{}, "no")}
	offline   = Visit{Err: later(nil, "no network")}
	stranger  = Visit{Err: misuse("what is this?")}
	longVisit = Visit{Turned: true, Lasted: MinStanding}
	lineDied  = Visit{Turned: true, Lasted: 9 * time.Hour, Err: later(nil, "the line is dead")}
	brief     = Visit{Turned: true, Lasted: MinStanding - 1}
	briefBad  = Visit{Turned: true, Lasted: time.Second, Err: later(nil, "PROG failed")}
	poisoned  = Visit{Turned: true, Lasted: time.Second, Fetched: true, Err: later(nil, "the line broke")}
)

func checkWaits(t *testing.T, name string, want, got []time.Duration) {
	t.Helper()
	for i := range got {
		got[i] = got[i].Round(time.Millisecond)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestRepeatWaits(t *testing.T) {
	const m = time.Minute
	for _, test := range []struct {
		name    string
		every   time.Duration
		random  float64
		results []Visit
		want    []time.Duration
	}{
		{"successes", m, 0.5, []Visit{fine, brief}, []time.Duration{m, m}},
		{"it stood", m, 0.5, []Visit{offline, lineDied, offline}, []time.Duration{2 * m, time.Second, 2 * m}},
		{"it stood, and asks often", time.Second, 1, []Visit{longVisit}, []time.Duration{time.Second}},
		{"failures", m, 0.5, []Visit{fine, refused, refused, refused, refused, refused, fine, refused},
			[]time.Duration{m, 2 * m, 4 * m, 8 * m, 15 * m, 15 * m, m, 2 * m}},
		{"longer than the limit", 20 * m, 0.5, []Visit{refused, refused}, []time.Duration{20 * m, 20 * m}},
		{"jitter down", m, 0, []Visit{fine, refused}, []time.Duration{54 * time.Second, 108 * time.Second}},
		{"jitter up", m, 1, []Visit{fine}, []time.Duration{66 * time.Second}},
	} {
		checkWaits(t, test.name, test.want, delays(NewEvery(test.every), test.random, test.results...))
	}
}

func TestStandingWaits(t *testing.T) {
	const s, m = time.Second, time.Minute
	for _, test := range []struct {
		name    string
		random  float64
		results []Visit
		want    []time.Duration
	}{
		{"at once", 0, []Visit{longVisit, lineDied}, []time.Duration{0, 0}},
		{"at once, spread", 0.5, []Visit{longVisit, lineDied}, []time.Duration{s, s}},
		{"the network fails", 0, []Visit{lineDied, offline, offline, offline, offline, offline, offline, offline, offline, offline, offline, offline, lineDied, offline},
			[]time.Duration{0, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 5 * m, 5 * m, 0, s}},
		{"nobody stands", 0, []Visit{offline, offline, fine, brief, fine, fine, offline}, []time.Duration{s, 2 * s, m, s, m, m, s}},
		{"ends each at once", 0, []Visit{brief, brief, brief, brief, brief, brief, brief, brief}, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, m, m}},
		{"the receiving side ends each at once", 0, []Visit{briefBad, briefBad, longVisit, briefBad}, []time.Duration{s, 2 * s, 0, s}},
		{"mail comes, but each breaks", 0, []Visit{offline, poisoned, poisoned, poisoned, poisoned, poisoned, poisoned, poisoned, poisoned},
			[]time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, m, m, m}},
		{"needs a person", 0, []Visit{refused, refused, stranger, refused, refused, refused, lineDied, refused},
			[]time.Duration{m, 2 * m, 4 * m, 8 * m, 15 * m, 15 * m, 0, m}},
		{"spread", 1, []Visit{refused, fine, offline}, []time.Duration{90 * s, 90 * s, 1500 * time.Millisecond}},
	} {
		checkWaits(t, test.name, test.want, delays(&AlwaysStanding{}, test.random, test.results...))
	}
}

// A wait is told of after a failure, and only then. All are waited for.
func TestRepeatTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		results := []Visit{fine, offline, longVisit}
		var log bytes.Buffer
		began := time.Now()
		(&Reporter{Log: &log}).repeat(ctx, fixed{NewEvery(time.Minute), 0.5}, func(context.Context) Visit {
			v := results[0]
			if results = results[1:]; len(results) == 0 {
				stop()
			}
			return v
		})
		if log.String() != "atrn: next try in 2m0s\n" || time.Since(began) != 3*time.Minute {
			t.Errorf("%q after %v", log.String(), time.Since(began))
		}
	})
}

// TestSleepStops: sleep returns when the context ends, even in the middle, and otherwise
// when the time is over.
func TestSleepStops(t *testing.T) {
	for name, test := range map[string]struct{ stopAfter, want time.Duration }{
		"stopped before": {0, 0},
		"stopped midway": {time.Minute, time.Minute},
		"not stopped":    {2 * time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithTimeout(context.Background(), test.stopAfter)
				defer stop()
				began := time.Now()
				sleep(ctx, time.Hour)
				if got := time.Since(began); got != test.want {
					t.Errorf("slept for %v, want %v", got, test.want)
				}
			})
		})
	}
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
		refused         int64
	}{
		{2, 300, true, nil, "atrn: fetched 2 messages, 300 bytes from mail.example.net\n", 0},
		{0, 0, true, nil, "atrn: fetched 0 messages, 0 bytes from mail.example.net\n", 0},
		{0, 0, false, nil, "atrn: nothing waits at mail.example.net\n", 0},
		{0, 0, true, errors.New("no"), "atrn: no\n", 0},
		{1, 5, true, errors.New("a\r\n\x1b[2Jb\u009b"), "atrn: fetched 1 messages, 5 bytes from mail.example.net\natrn: a\\u000d\\u000a\\u001b[2Jb\\u009b\n", 0},
		{0, 0, true, errors.New(strings.Repeat("x", maxSaid) + "y"), "atrn: " + strings.Repeat("x", maxSaid) + "...\n", 0},
		{3, 9, true, nil, `atrn: mail.example.net: fetched 3, refused 2: 554 5.7.1 no\u2028\u202e` + "\n", 2},
		{0, 0, true, errors.New("no"), `atrn: mail.example.net: fetched 0, refused 1: 554 5.7.1 no\u2028\u202e` + "\natrn: no\n", 1},
	} {
		tally := &Tally{}
		if test.turned {
			tally.turn()
		}
		for range test.messages {
			tally.accepted(test.bytes/test.messages, 1)
		}
		if test.refused > 0 {
			tally.refuse(refusals{Refused: test.refused, Reason: "554 5.7.1 no\u2028\u202e"})
		}
		var b bytes.Buffer
		report(&b, given{}, tally.Now(), test.err, Normal)
		if b.String() != test.want {
			t.Errorf("got %q, want %q", b.String(), test.want)
		}
	}
}

func TestMeter(t *testing.T) {
	tally := &Tally{}
	if got := meterLine(tally.Now()); got != "asking the provider" {
		t.Errorf("got %q", got)
	}
	tally.turn()
	tally.content(50)
	tally.accepted(20, 1)
	if got := meterLine(tally.Now()); got != "1 messages, 0.0 MB" {
		t.Errorf("got %q", got)
	}
	lines := make(lineWriter, 10)
	stop := startMeter(lines, tally, true)
	if got := <-lines; got != "\r1 messages, 0.0 MB\x1b[K" {
		t.Errorf("got %q", got)
	}
	stop()
	if got := <-lines; got != "\r\x1b[K" {
		t.Errorf("got %q", got)
	}
}

// TestProgress: the rate since the turn, and the time that is left if the provider counted.
func TestProgress(t *testing.T) {
	tally := &Tally{}
	tally.content(3_250_000)
	for range 10 {
		tally.accepted(325_000, 1)
	}
	if got := progress(tally.Now(), 500*time.Millisecond); got != "10 messages, 3.2 MB" {
		t.Error(got)
	}
	if got := progress(tally.Now(), 5*time.Second); got != "10 messages, 3.2 MB, 0.7 MB/s" {
		t.Error(got)
	}
	tally.expect(count{messages: 41})
	tally.refuse(refusals{Refused: 1, Reason: "554 no"})
	if got := progress(tally.Now(), 11*time.Second); got != "10 of 41 messages, 3.2 MB, refused 1, 0.3 MB/s, 0:30 left" {
		t.Error(got)
	}
	tally.refuse(refusals{})
	tally.expect(count{41, 13_000_000})
	if got := progress(tally.Now(), 11*time.Second); got != "10 of 41 messages, 3.2 of 13.0 MB, 0.3 MB/s, 0:33 left" {
		t.Error(got)
	}
	tally.accepted(0, 11) // the bytes of ten copies never come
	if got := progress(tally.Now(), 11*time.Second); got != "21 of 41 messages, 3.2 of 13.0 MB, 0.3 MB/s, 0:10 left" {
		t.Error(got)
	}
	tally.expect(count{20, 3_000_000})
	if got := progress(tally.Now(), 11*time.Second); got != "11 messages, 3.2 MB, 0.3 MB/s" {
		t.Error(got)
	}
}

// TestScreens: atrn(1) shows the line on a terminal as it is.
func TestScreens(t *testing.T) {
	tally := &Tally{}
	tally.turn()
	tally.content(3_250_000)
	for range 10 {
		tally.accepted(325_000, 1)
	}
	s := &standingReporter{Reporter: Reporter{Session: Session{Provider: given{}}}}
	screen.Hold(t, "..", "atrn.1", s.line(tally.Now()), `since [0-9]+ [A-Z][a-z]+ [0-9:]{8}`)
	tally.expect(count{41, 13_000_000})
	screen.Hold(t, "..", "atrn.1", progress(tally.Now(), 11*time.Second))
}

// TestCountIn: how a provider's reply to ATRN may count what waits.
func TestCountIn(t *testing.T) {
	for text, want := range map[string]count{
		"41 messages wait": {41, 0}, "OK now reversing the connection, 1 message": {1, 0}, "no messages": {},
		"-5 messages": {}, "messages": {}, "99999999999999999999 messages": {}, "the roles turn now": {},
		"the roles turn now, no message waits":                   {},
		"the roles turn now, 1 message waits, 221 bytes":         {1, 221},
		"the roles turn now, 41 messages wait, 13000000 bytes":   {41, 13_000_000},
		"ready: 41 messages (13000000 octets)":                   {41, 13_000_000},
		"the roles turn now, 41 messages wait, -7 bytes or more": {41, 0},
	} {
		if got := countIn(smtp.NewReply(250, "2.0.0", text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
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
