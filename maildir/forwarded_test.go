package maildir

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Only the domain's own qmail-queue may say who the recipient is.
func TestCatchall(t *testing.T) {
	const below = "Delivered-To: real@d\nReceived: y\n"
	own := Catchall{Address: "Odmr@D", UID: 89, Set: true}
	tests := []struct {
		name, rest string
		catchall   Catchall
		recipient  string
	}{
		{"its own uid", "Received: (qmail 1 invoked by uid 89); date\n" + below, own, "real@d"},
		{"a header between", "X-Spam: no\nReceived: (qmail 1 invoked by uid 89); date\n" + below, own, "real@d"},
		{"CRLF", "Received: (qmail 1 invoked by uid 89); date\r\nDelivered-To: real@d\r\nReceived: y\r\n", own, "real@d"},
		{"another uid", "Received: (qmail 1 invoked by uid 8); date\n" + below, own, "odmr@d"},
		{"a longer uid", "Received: (qmail 1 invoked by uid 890); date\n" + below, own, "odmr@d"},
		{"uid 0 in front", "Received: (qmail 1 invoked by uid 089); date\n" + below, own, "odmr@d"},
		{"from the network", "Received: (qmail 1 invoked from network); date\n" + below, own, "odmr@d"},
		{"by alias", "Received: (qmail 1 invoked by alias); date\n" + below, own, "odmr@d"},
		{"no pid", "Received: (qmail  invoked by uid 89); date\n" + below, own, "odmr@d"},
		{"no semicolon", "Received: (qmail 1 invoked by uid 89) x\n" + below, own, "odmr@d"},
		{"another case", "received: (qmail 1 invoked by uid 89); date\n" + below, own, "odmr@d"},
		{"only the second Received", "Received: x\nReceived: (qmail 1 invoked by uid 89); date\n" + below, own, "odmr@d"},
		{"folded", "Received: (qmail 1 invoked by uid 89); date\n x\n" + below, own, "odmr@d"},
		{"not directly below", "Received: (qmail 1 invoked by uid 89); date\nX: y\n" + below, own, "odmr@d"},
		{"a folded line of nothing", "Received: (qmail 1 invoked by uid 89); date\n Date: x\n" + below, own, "odmr@d"},
		{"below fields that qmail-inject adds", "Received: (qmail 1 invoked by uid 89); date\nDate: x\nFrom: x,\n  y\n" + below, own, "real@d"},
		{"below one of them twice", "Received: (qmail 1 invoked by uid 89); date\nDate: x\nDate: y\n" + below, own, "odmr@d"},
		{"no second Received", "Received: (qmail 1 invoked by uid 89); date\nDelivered-To: real@d\nSubject: x\n\nReceived: y\n", own, "odmr@d"},
		{"a mailing list's", "Received: (qmail 1 invoked by uid 89); date\nMailing-List: contact list-help@d; run by ezmlm\nPrecedence: bulk\nDelivered-To: mailing list list@d\nReceived: y\n", own, "odmr@d"},
		{"the next is the sender's", "Received: (qmail 1 invoked by uid 89); date\nDate: x\nSubject: x\n" + below, own, "odmr@d"},
		{"in the body", "X: y\n\nReceived: (qmail 1 invoked by uid 89); date\n" + below, own, "odmr@d"},
		{"not set", "Received: (qmail 1 invoked by uid 89); date\n" + below, Catchall{Address: "odmr@d", UID: 89}, "odmr@d"},
		{"another address", "Received: (qmail 1 invoked by uid 89); date\n" + below, Catchall{Address: "x@d", UID: 89, Set: true}, "odmr@d"},
	}
	for _, test := range tests {
		message := "Return-Path: <a@b>\nDelivered-To: odmr@d\n" + test.rest
		env, err := ParseEnvelope([]byte(message), true, test.catchall)
		if err != nil || env.Recipient != test.recipient {
			t.Errorf("%s: %+v, %v; want %s", test.name, env, err, test.recipient)
			continue
		}
		const inner = "Delivered-To: real@d"
		left := strings.Contains(content(message, env.Cut), inner) == strings.Contains(message, inner)
		if left != (test.recipient != "real@d") {
			t.Errorf("%s: the inner line is left: %v", test.name, left)
		}
	}
}

var fwd = Catchall{Address: "odmr@fwd.example", UID: 89, Set: true}

const (
	fwdTop   = "Return-Path: <a@s.test>\nDelivered-To: odmr@fwd.example\nReceived: (qmail 28097 invoked by uid 89); 22 Nov 2026 09:17:41 -0000\n"
	fwdBelow = "Delivered-To: hal@fwd.example\nReceived: (qmail 28091 invoked from network); 22 Nov 2026 09:17:41 -0000\n" +
		"Received: from x (HELO y) (192.0.2.1)\n  by z with SMTP; 22 Nov 2026 09:17:41 -0000\n"
)

// injectedForms are what qmail-inject was seen to put in between, by what the sender's
// message lacks.
var injectedForms = map[string]string{
	"all there":       "",
	"no header":       "Date: 28 Nov 2026 13:41:16 -0000\nMessage-ID: <20261128134116.15831.qmail@mail.provider.test>\nFrom: fwd.example@mail.provider.test\nCc: recipient list not shown: ;\n",
	"no Message-ID":   "Message-ID: <20261128134116.15831.qmail@mail.provider.test>\n",
	"no To":           "Cc: recipient list not shown: ;\n",
	"To as a field":   "To: recipient list not shown: ;\n",
	"a long name":     "From: \"A very long name, with a comma\"\n  <fwd.example@mail.provider.test>\n",
	"Resent-Sender":   "Resent-Date: 28 Nov 2026 13:41:16 -0000\nResent-Message-ID: <20261128134116.15853.qmail@mail.provider.test>\nResent-From: fwd.example@mail.provider.test\nResent-Cc: recipient list not shown: ;\n",
	"another version": "message-id: <1@x>\nDATE: x\n",
}

// forwardedForms are whole messages.
func forwardedForms() (messages []string) {
	for _, fields := range injectedForms {
		messages = append(messages, fwdTop+fields+fwdBelow+"Subject: x\n\nbody\n")
	}
	return messages
}

// TestFirstDeliveryBelowInjectedFields: whatever a message lacks, its recipient is the
// one that the sender meant, and the customer gets all but the lines of delivery.
func TestFirstDeliveryBelowInjectedFields(t *testing.T) {
	for name, fields := range injectedForms {
		rest := "Delivered-To: evil@fwd.example\nReceived: y\nSubject: x\n\nbody\n"
		message := fwdTop + fields + fwdBelow + rest
		env, err := ParseEnvelope([]byte(message), true, fwd)
		if err != nil || env.Recipient != "hal@fwd.example" || !env.Forwarded || !env.Received {
			t.Errorf("%s: %+v, %v", name, env, err)
			continue
		}
		_, below, _ := strings.Cut(fwdBelow, "\n")
		want := "Received: (qmail 28097 invoked by uid 89); 22 Nov 2026 09:17:41 -0000\n" + fields + below + rest
		if got := content(message, env.Cut); got != want {
			t.Errorf("%s: the content is\n%s", name, got)
		}
	}
}

// TestCutHead: vdelivermail cuts its lines at 300 bytes, wherever that is, and what
// follows joins what is left. The sender chooses the length and writes what is below.
func TestCutHead(t *testing.T) {
	const evil = "Delivered-To: evil@fwd.example\nReceived: y\n\nx\n"
	for _, queue := range []string{"Received: (qmail 1 invoked by uid 0); x\n", "Received: (qmail 1 invoked from network); x\n"} {
		for length := range len(fwdTop) {
			message := fwdTop[:length] + queue + evil
			env, err := ParseEnvelope([]byte(message), true, Catchall{})
			if err == nil && env.Recipient != "odmr@fwd.example" || err != nil && !errors.Is(err, ErrNoEnvelope) {
				t.Errorf("the topmost lines cut: %+v, %v\n%s", env, err, message)
			}
		}
		for length := range len("Delivered-To: hal@fwd.example\n") {
			message := fwdTop + fwdBelow[:length] + queue + evil
			env, err := ParseEnvelope([]byte(message), true, fwd)
			if err == nil && env.Recipient != "odmr@fwd.example" && env.Recipient != "hal@fwd.example" || err != nil && !errors.Is(err, ErrNoEnvelope) {
				t.Errorf("the first delivery's line cut: %+v, %v\n%s", env, err, message)
			}
		}
	}
}

// sendersText is what a sender may write below the Received of the qmail-queue that
// took the message first.
func sendersText() *rapid.Generator[string] {
	line := rapid.OneOf(
		rapid.SampledFrom([]string{"Delivered-To: evil@fwd.example", "delivered-to: evil@fwd.example", " Delivered-To: evil@fwd.example",
			"Return-Path: <evil@e.test>", "Received: (qmail 1 invoked by uid 89); x", "Received: y", "Date: x", "Message-ID: <x@y>", "From: x", "\tx", "Cc: x", "X-A: b", "Resent-To: x",
			"", "\r", "no field", "From evil", "Subject: x\rDelivered-To: evil@fwd.example", "Delivered-To: odmr@fwd.example"}),
		rapid.StringN(0, 20, 60))
	return rapid.Custom(func(t *rapid.T) string {
		end := rapid.SampledFrom([]string{"\n", "\r\n", ""})
		const forged = "Delivered-To: evil@fwd.example\nReceived: (qmail 1 invoked by uid 89); x\n"
		start := rapid.SampledFrom([]string{"", forged, forged + forged, "Date: x\n" + forged}).Draw(t, "start")
		return start + strings.Join(rapid.SliceOfN(line, 0, 12).Draw(t, "lines"), end.Draw(t, "end")+"\n") + end.Draw(t, "last end")
	})
}

// TestSenderNeverChoosesTheRecipient: nothing below the second Received of a forwarded
// message, or below the first of any other, changes the envelope.
func TestSenderNeverChoosesTheRecipient(t *testing.T) {
	var forms []string
	for _, fields := range injectedForms {
		forms = append(forms, fields)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := sendersText().Draw(t, "text")
		by := rapid.SampledFrom([]string{"from network", "by uid 0", "for bounce", "by alias"}).Draw(t, "by")
		queue := fmt.Sprintf("Received: (qmail %d invoked %s); x\n", rapid.IntRange(1, 99999).Draw(t, "pid"), by)
		message := fwdTop + rapid.SampledFrom(forms).Draw(t, "fields") + "Delivered-To: hal@fwd.example\n" + queue + text
		checkSender(t, message, fwd, "hal@fwd.example")
		checkSender(t, message, Catchall{}, "odmr@fwd.example")
		direct := "Return-Path: <a@s.test>\nDelivered-To: odmr@fwd.example\n" + queue + text
		checkSender(t, direct, fwd, "odmr@fwd.example")
		checkSender(t, direct, Catchall{}, "odmr@fwd.example")
	})
}

func checkSender(t *rapid.T, message string, c Catchall, recipient string) {
	t.Helper()
	env, err := ParseEnvelope([]byte(message), true, c)
	if err != nil || env.Recipient != recipient || env.Sender != "a@s.test" {
		t.Fatalf("%+v, %v; want %s\n%s", env, err, recipient, message)
	}
	if strings.Contains(message, "evil") && strings.Count(content(message, env.Cut), "evil") != strings.Count(message, "evil") {
		t.Fatalf("a line of the sender is taken out\n%s", message)
	}
}

// TestReceivedBelowTheEnvelope: only fields that a filter adds may stand between.
func TestReceivedBelowTheEnvelope(t *testing.T) {
	for rest, want := range map[string]bool{
		"Received: (qmail 1 invoked by uid 0); x\n": true,
		"received: y\n":       true,
		"Received: y\r\n\r\n": true,
		"X-Spam-Checker-Version: SpamAssassin 4.0.0\nX-Spam-Status: No, score=-0.1\n\ttests=NONE\nReceived: y\n": true,
		"":                                       false,
		"\nReceived: y\n":                        false,
		"Subject: x\nReceived: y\n":              false,
		" folded\nReceived: y\n":                 false,
		"X-A: b\nSubject: x\nReceived: y\n":      false,
		"X-A: b\n c\n\nReceived: y\n":            false,
		"X no field\nReceived: y\n":              false,
		"Delivered-To: x@y\nReceived: y\n":       false,
		"Return-Path: <x@y>\nReceived: y\n":      false,
		"Subject: Received: (qmail 1 invoked)\n": false,
	} {
		env, err := ParseEnvelope([]byte("Delivered-To: c@d\nReturn-Path: <a@b>\n"+rest), true, Catchall{})
		if strings.HasPrefix(rest, " ") {
			if err == nil {
				t.Errorf("%q: %+v", rest, env)
			}
			continue
		}
		if err != nil || env.Received != want {
			t.Errorf("%q: %v, %v; want %v", rest, env.Received, err, want)
		}
	}
}
