package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vodmr/relay/door"
	"vodmr/relay/spool/history"
	"vodmr/test/kit/require"
)

// client asks at the site's door.
func (s *site) client() *door.Client {
	c := door.NewClient(s.config["VODMR_DOOR"])
	c.Now = func() time.Time { return now }
	return c
}

// doorStands reports if there is anybody to ask about a domain: its socket, or what was
// learnt of it.
func (s *site) doorStands(domain string) bool {
	for _, name := range []string{domain, history.RecipientsFile(domain)} {
		if _, err := os.Lstat(s.config["VODMR_DOOR"] + "/" + name); err == nil {
			return true
		}
	}
	return false
}

// askDoor asks while the dialogue goes on.
func (s *site) askDoor(address string) {
	answer := make(chan string, 1)
	s.answers = append(s.answers, answer)
	client := s.client()
	for s.config["VODMR_IDLE"] != "" && !s.doorStands("example.org") {
		time.Sleep(time.Millisecond) // the session has not read EHLO's reply yet
	}
	go func() {
		opinion := client.Ask(address)
		verdict := "yes"
		if opinion.Refuse {
			verdict = "no"
		}
		answer <- fmt.Sprintf("%s %s by %s: %s\n", address, verdict, opinion.Source, opinion.Words)
	}()
}

// awaitAnswers waits for the answers to all questions so far.
func (s *site) awaitAnswers() {
	for _, answer := range s.answers {
		s.answered += <-answer
	}
	s.answers = nil
}

// forgetLearnt does as vodmr-rcpt -x.
func (s *site) forgetLearnt(t testing.TB, address string) {
	t.Helper()
	learnt := history.NewRecipients(s.config["VODMR_DOOR"], "example.org", func() time.Time { return now })
	if _, err := learnt.Load(); err != nil {
		t.Fatal(err)
	}
	require.OK(t, learnt.Forget(address))
}

// checkDoor compares the answers, and what was learnt.
func (s *site) checkDoor(t testing.TB) {
	t.Helper()
	s.awaitAnswers()
	got := s.answered
	if want := s.files["answers"]; got != want {
		t.Errorf("the answers are\n%swant\n%s", got, want)
	}
	if want, ok := s.files["learnt"]; ok {
		text, err := os.ReadFile(filepath.Join(s.config["VODMR_DOOR"], "learnt@example.org"))
		require.OK(t, err)
		matchLog(t, want, string(text))
	}
	if entries, err := os.ReadDir(s.config["VODMR_DOOR"]); err == nil {
		for _, e := range entries {
			if e.Type() == os.ModeSocket {
				t.Errorf("the socket %s is left", e.Name())
			}
		}
	}
}
