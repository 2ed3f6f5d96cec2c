package opensmtpd

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func refuseNo(raw string) (string, bool) { return "no " + raw, strings.HasPrefix(raw, "no") }

func TestServe(t *testing.T) {
	const in = "config|smtpd-version|6.8.0p2\nconfig|ready\n" +
		"report|0.6|1.2|smtp-in|link-connect|s1|x\n" +
		"filter|0.6|1.2|smtp-in|mail-from|s1|t0|no@x.org\n" +
		"filter|0.6|1.2|smtp-in|rcpt-to|s1|t1|bob@example.org\n" +
		"filter|0.6|1.2|smtp-in|rcpt-to|s2|t2|<nobody@example.org>\n" +
		"filter|0.6|1.2|smtp-in|rcpt-to|s2|t3|\"no|one\"@example.org\n" +
		"filter|0.6|1.2|smtp-in|rcpt-to|s2\n\n"
	var out bytes.Buffer
	if err := Serve(strings.NewReader(in), &out, refuseNo); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	slices.Sort(got[2:])
	want := []string{"register|filter|smtp-in|rcpt-to", "register|ready",
		"filter-result|s1|t1|proceed",
		"filter-result|s2|t2|reject|550 5.1.1 no nobody@example.org",
		"filter-result|s2|t3|reject|550 5.1.1 no no|one@example.org"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestOneWaits: a question that waits does not keep others.
func TestOneWaits(t *testing.T) {
	in, questions := io.Pipe()
	answers, out := io.Pipe()
	slow := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- Serve(in, out, func(raw string) (string, bool) {
			if raw == "slow@x.org" {
				<-slow
			}
			return "no such recipient", true
		})
		out.Close()
	}()
	_, _ = io.WriteString(questions, "filter|0.6|1.2|smtp-in|rcpt-to|s1|t1|slow@x.org\nfilter|0.6|1.2|smtp-in|rcpt-to|s2|t2|a@x.org\n")
	want := "filter-result|s2|t2|reject|550 5.1.1 no such recipient\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(answers, got); err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	close(slow)
	questions.Close()
	if rest, _ := io.ReadAll(answers); !strings.HasPrefix(string(rest), "filter-result|s1|t1|reject|") || <-done != nil {
		t.Errorf("then %q", rest)
	}
}

func TestTooLong(t *testing.T) {
	if err := Serve(strings.NewReader(strings.Repeat("x", 2*maxLine)), io.Discard, refuseNo); err != errLong {
		t.Error(err)
	}
}
