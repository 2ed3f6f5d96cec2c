package maildir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/require"
)

const fixtures = "../test/data/fixtures"

// content is the message without its envelope.
func content(message string, cut []Span) string {
	var rest strings.Builder
	at := int64(0)
	for _, span := range cut {
		rest.WriteString(message[at:span.From])
		at = span.To
	}
	return rest.String() + message[at:]
}

func TestEnvelopeOfRealFiles(t *testing.T) {
	fwd := Catchall{Address: "odmr@fwd.example", UID: 89, Set: true}
	tests := []struct {
		file, sender, recipient string
		cut                     int
	}{
		{"qmail/maildir-prefix/new/1795339089.28150.vm", "a@s.test", "vq-Ivy.Mixed@plain.example", 2},
		{"vpopmail/maildir-quota/new/1795338736.27766.vm,S=273", "a@s.test", "eve@quota.example", 2},
		{"vpopmail/maildir-address-catchall/new/1795339061.28100.vm,S=368", "a@s.test", "hal@fwd.example", 3},
		{"vpopmail/maildir-directory-catchall/new/1795336645.9439.vm,S=817", "", "bob.x-ext@example.org", 2},
		{"vpopmail/maildir-directory-catchall/new/1795338736.27781.vm,S=308", `"\"odd sender\""@s.test`, "gus+tag@example.org", 2},
		{"vpopmail/maildir-directory-catchall/new/1795338736.27773.vm,S=298", "list-example.org-fay=example.org@s.test", "fay@example.org", 2},
	}
	for _, test := range tests {
		message := require.File(t, filepath.Join(fixtures, test.file))
		env, err := ParseEnvelope([]byte(message), true, fwd)
		if err != nil || env.Sender != test.sender || env.Recipient != test.recipient || len(env.Cut) != test.cut {
			t.Errorf("%s: %+v, %v", test.file, env, err)
			continue
		}
		rest := content(message, env.Cut)
		if !strings.HasPrefix(rest, "Received: (qmail ") || strings.Contains(rest, "Delivered-To: "+test.recipient) {
			t.Errorf("%s: the content begins %.80q", test.file, rest)
		}
	}
}

const top = "Return-Path: <a@b>\nDelivered-To: c@d\n"

func TestEnvelope(t *testing.T) {
	tests := []struct {
		name, message     string
		sender, recipient string
		content           string
	}{
		{"as qmail writes it", top + "Received: x\n\nbody", "a@b", "c@d", "Received: x\n\nbody"},
		{"the other order", "Delivered-To: c@d\nReturn-Path: <a@b>\nReceived: x\n", "a@b", "c@d", "Received: x\n"},
		{"CRLF", "Return-Path: <a@b>\r\nDelivered-To: c@d\r\nReceived: x\r\n", "a@b", "c@d", "Received: x\r\n"},
		{"any case", "RETURN-path: <a@b>\ndelivered-to: c@d\n", "a@b", "c@d", ""},
		{"no space", "Return-Path:<a@b>\nDelivered-To:c@d\n", "a@b", "c@d", ""},
		{"other lines between", "X-A: 1\n  Delivered-To: no@no\n" + "Return-Path: <a@b>\nX-B: 2\n\t3\nDelivered-To: c@d\nTo: x\n", "a@b", "c@d",
			"X-A: 1\n  Delivered-To: no@no\nX-B: 2\n\t3\nTo: x\n"},
		{"the first of each", "Return-Path: <a@b>\nReturn-Path: <x@y>\nDelivered-To: c@d\nDelivered-To: e@f\n", "a@b", "c@d",
			"Return-Path: <x@y>\nDelivered-To: e@f\n"},
		{"no final newline", "Return-Path: <a@b>\nDelivered-To: c@d", "a@b", "c@d", ""},
		{"null sender", "Return-Path: <>\nDelivered-To: c@d\n", "", "c@d", ""},
		{"no brackets", "Return-Path: a@b\nDelivered-To: c@d\n", "a@b", "c@d", ""},
		{"raw sender", "Return-Path: <a b@c>\nDelivered-To: c@d\n", `"a b"@c`, "c@d", ""},
		{"brackets in it", "Return-Path: <a> SIZE=1 <b@c>\nDelivered-To: c@d\n", `"a> SIZE=1 <b"@c`, "c@d", ""},
		{"a quote left open", "Return-Path: <\"a\\\"@c>\nDelivered-To: c@d\n", `"\"a\\\""@c`, "c@d", ""},
		{"no domain", "Return-Path: <root>\nDelivered-To: c@d\n", "root", "c@d", ""},
		{"domain literal", "Return-Path: <a@[IPv6:::1]>\nDelivered-To: c@d\n", "a@[IPv6:::1]", "c@d", ""},
		{"8 bit", "Return-Path: <\xe9@c>\nDelivered-To: \xe9 x@d\n", "\xe9@c", "\xe9 x@d", ""},
		{"a raw recipient", "Return-Path: <>\nDelivered-To:  a \"b\"@c@d\n", "", ` a "b"@c@d`, ""},
	}
	for _, test := range tests {
		env, err := ParseEnvelope([]byte(test.message), true, Catchall{})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := []string{env.Sender, env.Recipient, content(test.message, env.Cut)}
		if diff := cmp.Diff([]string{test.sender, test.recipient, test.content}, got); diff != "" || env.Double {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestNoEnvelope(t *testing.T) {
	tests := []struct{ message, text string }{
		{"", "neither"},
		{"From: x\n\n" + top, "neither"},
		{"From: x\r\n\r\n" + top, "neither"},
		{"Received: x\n" + top, "neither"},
		{"no header at all\n" + top, "neither"},
		{"Return-Path: <a@b>\nReceived: x\nDelivered-To: c@d\n", "no Delivered-To"},
		{"Delivered-To: c@d\nReceived: x\nReturn-Path: <a@b>\n", "no Return-Path"},
		{"Delivered-To: c@d\n\nReturn-Path: <a@b>\n", "no Return-Path"},
		{"Return-Path: <a@b\nDelivered-To: c@d\n", "no closing >"},
		{"Return-Path: <a\rb@c>\nDelivered-To: c@d\n", "Return-Path holds a control"},
		{"Return-Path: <a@b\x00>\nDelivered-To: c@d\n", "Return-Path holds a control"},
		{"Return-Path: <a@b c>\nDelivered-To: c@d\n", "Return-Path is no address"},
		{"Return-Path:\nDelivered-To: c@d\n", "Return-Path is empty"},
		{"Return-Path: <>\nDelivered-To: \n", "is empty"},
		{"Return-Path: <>\nDelivered-To: cd\n", "no @"},
		{"Return-Path: <>\nDelivered-To: @d\n", "no address"},
		{"Return-Path: <>\nDelivered-To: c@\n", "no address"},
		{"Return-Path: <>\nDelivered-To: c@d> x\n", "no address"},
		{"Return-Path: <>\nDelivered-To: c\x00@d\n", "Delivered-To holds a control"},
		{"Return-Path: <>\nDelivered-To: c\r@d\n", "Delivered-To holds a control"},
		{"Return-Path: <>\nDelivered-To: c@d\n e\n", "folded"},
	}
	for _, test := range tests {
		env, err := ParseEnvelope([]byte(test.message), true, Catchall{})
		if !errors.Is(err, ErrNoEnvelope) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%q: %+v, %v; want a text with %q", test.message, env, err, test.text)
		}
	}
}

func TestALineThatIsCutOffIsNotBelieved(t *testing.T) {
	_, err := ParseEnvelope([]byte("Return-Path: <a@b>\nDelivered-To: c@d.exam"), false, Catchall{})
	if !errors.Is(err, ErrNoEnvelope) {
		t.Errorf("%v, want ErrNoEnvelope", err)
	}
}

func TestDoubleBounce(t *testing.T) {
	for _, path := range []string{"<#@[]>", "#@[]"} {
		env, err := ParseEnvelope([]byte("Return-Path: "+path+"\nDelivered-To: c@d\n"), true, Catchall{})
		if err != nil || env.Sender != "" || !env.Double {
			t.Errorf("%s: %+v, %v", path, env, err)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	files, err := filepath.Glob(fixtures + "/*/*/new/*")
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, file := range files {
		message, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message, true)
	}
	for _, message := range forwardedForms() {
		f.Add([]byte(message), true)
	}
	f.Add([]byte("Return-Path: <a> b <c\"@d>\nDelivered-To: odmr@fwd.example\nReceived: (qmail 1 invoked by uid 89);\nDelivered-To: \n"), false)
	f.Fuzz(func(t *testing.T, head []byte, complete bool) {
		env, err := ParseEnvelope(head, complete, Catchall{Address: "odmr@fwd.example", UID: 89, Set: true})
		if err != nil {
			if !errors.Is(err, ErrNoEnvelope) {
				t.Fatal(err)
			}
			return
		}
		checkEnvelope(t, head, env)
		checkBodyless(t, head, env)
	})
}

// checkBodyless: no byte of the body can change the envelope.
func checkBodyless(t *testing.T, head []byte, env Envelope) {
	t.Helper()
	header := head[:bodyStart(head)]
	if len(header) > 0 && header[len(header)-1] != '\n' {
		return // its last line would go on
	}
	message := string(header) + "\nReceived: (qmail 1 invoked by uid 89); x\nDelivered-To: evil@fwd.example\nReturn-Path: <evil@e>\n"
	second, err := ParseEnvelope([]byte(message), true, Catchall{Address: "odmr@fwd.example", UID: 89, Set: true})
	if diff := cmp.Diff(env, second); diff != "" || err != nil {
		t.Fatalf("with another body: %v\n%s", err, diff)
	}
}

func checkEnvelope(t *testing.T, head []byte, env Envelope) {
	t.Helper()
	if strings.ContainsAny(env.Recipient+env.Sender, "\r\n\x00") || env.Recipient == "" {
		t.Fatalf("%+v", env)
	}
	if env.Sender != "" && !isPath(env.Sender) {
		t.Fatalf("MAIL FROM:<%s>", env.Sender)
	}
	end, body := int64(0), bodyStart(head)
	for _, span := range env.Cut {
		if span.From < end || span.To <= span.From || span.To > body {
			t.Fatalf("%v with the body at %d", env.Cut, body)
		}
		end = span.To
	}
}

// bodyStart is where the first empty line is, found in another way than the parser's.
func bodyStart(head []byte) int64 {
	at := 0
	for _, line := range strings.SplitAfter(string(head), "\n") {
		if line == "\n" || line == "\r\n" {
			break
		}
		at += len(line)
	}
	return int64(at)
}

// ParseEnvelope is Agent.ParseEnvelope for qmail.
func ParseEnvelope(head []byte, complete bool, catchall Catchall) (Envelope, error) {
	return Agent{}.ParseEnvelope(head, complete, catchall)
}
