package maildir

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vodmr/test/kit/require"
)

func agent(t fataler, name string) Agent {
	a, err := AgentNamed(name)
	if err != nil || a.Name() != name {
		t.Fatalf("%s: %v, %v", name, a, err)
	}
	return a
}

type fataler interface{ Fatalf(string, ...any) }

// The files are what real servers wrote. The senders of some put each agent's lines, with
// evil@ addresses, on top of their messages.
func TestEnvelopeOfOtherAgents(t *testing.T) {
	tests := []struct {
		agent, file, sender, recipient string
		cut                            int
	}{
		{"postfix", "postfix/maildir-alias/new/1795884973.Vfe00I9cf277M651931.vm", "ann@s.test", "bob@example.org", 3},
		{"postfix", "postfix/maildir-alias/new/1795884973.Vfe00I9cf292M657088.vm", "", "Bob.X+ext@Example.ORG", 3},
		{"postfix", "postfix/maildir-alias/new/1795884973.Vfe00I9cf296M659598.vm", "ann@s.test", "john doe@example.org", 3},
		{"postfix", "postfix/maildir-alias/new/1795884973.Vfe00I9cf299M664758.vm", "ann@s.test", `a"b@c@example.org`, 3},
		{"postfix", "postfix/maildir-alias/new/1795884973.Vfe00I9cf2aeM665747.vm", `"odd sender"@s.test`, "bob@example.org", 3},
		{"postfix", "postfix/maildir-virtual/new/1795884979.Vfe00I9d0c2fM741021.vm", "", "Bob.X+ext@Example.ORG", 2},
		{"postfix", "postfix/maildir-virtual/new/1795884979.Vfe00I9d0c31M742684.vm", "ann@s.test", "john doe@example.org", 2},
		{"exim", "exim/maildir/new/1795885022.M908232P20.customer.example", "ann@s.test", "bob@example.org", 3},
		{"exim", "exim/maildir/new/1795885023.M113651P23.customer.example", "", "Bob.X+ext@Example.ORG", 3},
		{"exim", "exim/maildir/new/1795885023.M318308P26.customer.example", "ann@s.test", "john doe@example.org", 3},
		{"exim", "exim/maildir/new/1795885023.M524909P29.customer.example", "ann@s.test", "a,b@example.org", 3},
		{"exim", "exim/maildir/new/1795885023.M933119P35.customer.example", `"odd sender"@s.test`, "bob@example.org", 3},
		{"exim", "exim/maildir-kept/new/1795885034.M620870P20.customer.example", "ann@s.test", "bob@example.org", 3},
		{"dovecot", "dovecot/maildir/new/1795885159.M537612P161.mail.provider.test,S=570,W=588", "", "frank@example.org", 2},
		{"dovecot", "dovecot/maildir/new/1795885159.M539395P165.mail.provider.test,S=625,W=643", "ann@sender.test", "john doe@example.org", 2},
		{"dovecot", "dovecot/maildir/new/1795885159.M550193P161.mail.provider.test,S=622,W=640", `"odd sender"@sender.test`, "grace@example.org", 2},
		{"opensmtpd", "opensmtpd/maildir/new/1795885040.d6cf9b74.customer.example", "ann@s.test", "bob@example.org", 2},
		{"opensmtpd", "opensmtpd/maildir/new/1795885040.742f63b7.customer.example", "", "Bob.X+ext@Example.ORG", 1},
	}
	for _, test := range tests {
		message := require.File(t, filepath.Join(fixtures, test.file))
		env, err := agent(t, test.agent).ParseEnvelope([]byte(message), true, Catchall{})
		if err != nil || env.Sender != test.sender || env.Recipient != test.recipient || len(env.Cut) != test.cut || !env.Received {
			t.Errorf("%s: %+v, %v", test.file, env, err)
			continue
		}
		rest := content(message, env.Cut)
		if !strings.HasPrefix(rest, "Received: from ") || strings.Count(rest, "evil") != strings.Count(message, "evil") {
			t.Errorf("%s: the content is\n%s", test.file, rest)
		}
	}
}

// Copies of one message for several recipients are equal without the agent's lines.
func TestCopiesOfOtherAgents(t *testing.T) {
	for name, files := range map[string][]string{
		"postfix": {"postfix/maildir-alias/new/1795884973.Vfe00I9cf2b0M666201.vm", "postfix/maildir-alias/new/1795884973.Vfe00I9cf2baM666614.vm"},
		"exim":    {"exim/maildir/new/1795885024.M142718P38.customer.example", "exim/maildir/new/1795885024.M144826P39.customer.example"},
	} {
		var contents, recipients []string
		for _, file := range files {
			message := require.File(t, filepath.Join(fixtures, file))
			env, err := agent(t, name).ParseEnvelope([]byte(message), true, Catchall{})
			require.OK(t, err)
			contents = append(contents, content(message, env.Cut))
			recipients = append(recipients, env.Recipient)
		}
		if contents[0] != contents[1] || recipients[0] == recipients[1] {
			t.Errorf("%s: %q to %q", name, contents, recipients)
		}
	}
}

func TestAgentNamed(t *testing.T) {
	if a, err := AgentNamed(""); err != nil || a.Name() != "qmail" || !a.IsQmail() || !(Agent{}).IsQmail() {
		t.Errorf("%v, %v", a, err)
	}
	for _, name := range []string{"sendmail", "Postfix", "qmail ", "netqmail"} {
		_, err := AgentNamed(name)
		if err == nil || !strings.Contains(err.Error(), "qmail, postfix, exim, opensmtpd, dovecot, courier") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

const by = "Received: from x by front; date\nSubject: x\n\nbody\n"

// requeued is a message in Postfix's form, with a first Received and lines below it.
func requeued(received, below string) string {
	return "Return-Path: <a@b>\nX-Original-To: bob@d\nDelivered-To: odmr@f\nReceived: " + received + below + by
}

func TestAgentsEnvelope(t *testing.T) {
	for _, test := range []struct{ agent, message, sender, recipient, content string }{
		{"dovecot", "Return-Path: <ann@s.test>\nDelivered-To: \"john doe\"@example.org\n" + by, "ann@s.test", "john doe@example.org", by},
		{"dovecot", "Return-Path: <>\nDelivered-To: bob@example.org\n" + by, "", "bob@example.org", by},
		{"courier", "Delivered-To: bob@example.org\nReturn-Path: <ann@s.test>\n" + by, "ann@s.test", "bob@example.org", by},
		{"courier", "Delivered-To: bob@example.org\nReturn-Path: <>\n" + by, "", "bob@example.org", by},
		// What a filter puts on top of a message stands below the agent's lines.
		{"postfix", "Return-Path: <a@b>\nX-Original-To: bob@d\nDelivered-To: in@d\nReceived-SPF: none\n by x\n" + by, "a@b", "bob@d", "Received-SPF: none\n by x\n" + by},
		{"postfix", "Return-Path: <a@b>\r\nX-Original-To: bob@d\r\nDelivered-To: in@d\r\nReceived: y\r\n\r\n", "a@b", "bob@d", "Received: y\r\n\r\n"},
		// A line that stands there twice is the agent's once.
		{"postfix", "Return-Path: <a@b>\nDelivered-To: in@d\nX-Original-To: evil@d\n" + by, "a@b", "in@d", "X-Original-To: evil@d\n" + by},
		{"postfix", "Return-Path: <a@b>\nX-Original-To: bob@d\nDelivered-To: in@d\nDelivered-To: evil@d\nX-Original-To: evil@d\n" + by, "a@b", "bob@d", "Delivered-To: evil@d\nX-Original-To: evil@d\n" + by},
		{"exim", "Return-path: <a@b>\nEnvelope-to: bob@d\nEnvelope-to: evil@d\n" + by, "a@b", "bob@d", "Envelope-to: evil@d\n" + by},
		{"opensmtpd", "Delivered-To: bob@d\nReturn-Path: <evil@e>\n" + by, "", "bob@d", "Return-Path: <evil@e>\n" + by},
		{"opensmtpd", "Return-Path: <a@b>\nDelivered-To: bob@d\nDelivered-To: evil@d\n" + by, "a@b", "bob@d", "Delivered-To: evil@d\n" + by},
		// local(8) of Postfix forwarded it: the line with the address before is no loop.
		{"postfix", requeued("by f (Postfix)\n\tid 0; x\n", "Delivered-To: john doe@d\n"), "a@b", "bob@d", "Received: by f (Postfix)\n\tid 0; x\n" + by},
		{"postfix", requeued("from c\n\tby f (Postfix)\n", "Delivered-To: evil@d\n"), "a@b", "bob@d", "Received: from c\n\tby f (Postfix)\nDelivered-To: evil@d\n" + by},
		{"postfix", requeued("by f (Postfix, from userid 0)\n", "Delivered-To: evil@d\n"), "a@b", "bob@d", "Received: by f (Postfix, from userid 0)\nDelivered-To: evil@d\n" + by},
		{"postfix", requeued("by f (Postfix)\n", "Delivered-To: evil@d\nSubject: x\n"), "a@b", "bob@d", "Received: by f (Postfix)\nDelivered-To: evil@d\nSubject: x\n" + by},
		{"postfix", requeued("by f (Postfix)\n", "Subject: x\nDelivered-To: evil@d\n"), "a@b", "bob@d", "Received: by f (Postfix)\nSubject: x\nDelivered-To: evil@d\n" + by},
		{"opensmtpd", "Return-Path: <a@b>\nDelivered-To: bob@d\nReceived: by f (x)\nDelivered-To: c@d\n" + by, "a@b", "bob@d", "Received: by f (x)\nDelivered-To: c@d\n" + by},
	} {
		env, err := agent(t, test.agent).ParseEnvelope([]byte(test.message), true, Catchall{})
		if err != nil || env.Sender != test.sender || env.Recipient != test.recipient {
			t.Errorf("%s %q: %+v, %v", test.agent, test.message, env, err)
		} else if got := content(test.message, env.Cut); got != test.content {
			t.Errorf("%s %q: the content is %q", test.agent, test.message, got)
		}
	}
}

func TestAgentsNoEnvelope(t *testing.T) {
	for _, test := range []struct{ agent, message, text string }{
		{"postfix", by, "Return-Path is not where postfix writes it"},
		{"postfix", "Delivered-To: bob@d\nReturn-Path: <a@b>\n" + by, "Return-Path is not where"},
		{"postfix", "X-Spam: no\nReturn-Path: <a@b>\nDelivered-To: bob@d\n" + by, "Return-Path is not where"},
		{"postfix", "Return-Path: <a@b>\nX-Original-To: bob@d\n" + by, "Delivered-To is not where"},
		{"postfix", "Return-Path: <a@b>\nX-Original-To: bob\nDelivered-To: bob@d\n" + by, "X-Original-To has no @"},
		{"postfix", "Return-Path: <a@b>\nX-Original-To: \"bob\"x@d\nDelivered-To: bob@d\n" + by, "X-Original-To is no address"},
		{"postfix", "Return-Path: <a@b>\nX-Original-To: \"bob@d\nDelivered-To: bob@d\n" + by, "X-Original-To is no address"},
		{"postfix", "Return-Path: <a@b>\nX-Original-To: \"b\\\rb\"@d\nDelivered-To: bob@d\n" + by, "X-Original-To holds a control"},
		{"postfix", "Return-Path: <a@b>\nX-Original-To: b@d> x\nDelivered-To: bob@d\n" + by, "X-Original-To is no address"},
		{"postfix", "Return-Path: <a@b>\nDelivered-To: bob@d\n x\n" + by, "folded"},
		{"postfix", "Return-Path: <a@b>\nDelivered-To: bob@d\nSubject: x\n\nReceived: y\n", "the header has no Received"},
		{"postfix", "Return-Path: <a@b>\nDelivered-To: bob@d\nno field\nReceived: y\n", "the header has no Received"},
		{"postfix", "Return-Path: <a@b\nDelivered-To: bob@d\n" + by, "no closing >"},
		{"postfix", "Return-Path:\nDelivered-To: bob@d\n" + by, "Return-Path is empty"},
		{"exim", "Return-path: <a@b>\nEnvelope-to: one@d,\n two@d\nDelivery-date: x\n" + by, "batch_max = 1"},
		{"exim", "Return-path: <a@b>\nEnvelope-to: one@d, two@d\nDelivery-date: x\n" + by, "batch_max = 1"},
		{"exim", "Return-path: <a@b>\nEnvelope-to: \"o,e\"@d, two@d\n" + by, "batch_max = 1"},
		{"exim", "Return-path: <a@b>\nDelivery-date: x\n" + by, "envelope_to_add"},
		{"exim", "Envelope-to: a@b\n" + by, "return_path_add"},
		{"exim", "Return-path: <a@b>\nEnvelope-to: b@d\nDelivery-date: x\n y\n" + by, "folded"},
		{"opensmtpd", "Return-Path: <a@b>\n" + by, "Delivered-To is not where opensmtpd"},
		{"dovecot", "Return-Path: <a@b>\n" + by + "Delivered-To: evil@d\n", "a transaction of its own"},
		{"courier", "Return-Path: <a@b>\nDelivered-To: b@d\n" + by, "Delivered-To is not where courier"},
	} {
		env, err := agent(t, test.agent).ParseEnvelope([]byte(test.message), true, Catchall{})
		if !errors.Is(err, ErrNoEnvelope) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s %q: %+v, %v; want a text with %q", test.agent, test.message, env, err, test.text)
		}
	}
	message := require.File(t, fixtures+"/exim/maildir-batched/new/1795885030.M96686P38.customer.example")
	if _, err := agent(t, "exim").ParseEnvelope([]byte(message), true, Catchall{}); err == nil || !strings.Contains(err.Error(), "batch_max") {
		t.Errorf("three addresses: %v", err)
	}
}

// anyAgentsLines are what a sender may write on top of a message, in the hope that it passes
// for the delivery agent's.
func anyAgentsLines() *rapid.Generator[string] {
	line := rapid.SampledFrom([]string{
		"Return-Path: <evil@e.test>", "return-path: <>", "X-Original-To: evil@example.org", "Delivered-To: evil@example.org",
		"Envelope-to: evil@example.org", "Envelope-to: evil@example.org,\n evil2@example.org", "Delivery-date: never", " evil@example.org",
		"Received: forged by evil", "Subject: evil", "X-A: b", "", "no field", "From evil",
	})
	return rapid.Custom(func(t *rapid.T) string {
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end")
		return strings.Join(rapid.SliceOfN(line, 0, 12).Draw(t, "lines"), end) + end
	})
}

// TestSenderNeverChoosesTheRecipientOfAnyAgent: whatever the sender writes on top, below the
// server's Received or, if the server were to write none, right below the agent's lines, the
// envelope is the agent's, or there is none.
func TestSenderNeverChoosesTheRecipientOfAnyAgent(t *testing.T) {
	tops := map[string][]string{
		"qmail":     {"Return-Path: <a@s.test>\nDelivered-To: bob@example.org\n"},
		"postfix":   {"Return-Path: <a@s.test>\nX-Original-To: bob@example.org\nDelivered-To: in@example.org\n", "Return-Path: <a@s.test>\nDelivered-To: bob@example.org\n"},
		"exim":      {"Return-path: <a@s.test>\nEnvelope-to: bob@example.org\nDelivery-date: Sat\n", "Return-path: <a@s.test>\nEnvelope-to: bob@example.org\n"},
		"opensmtpd": {"Return-Path: <a@s.test>\nDelivered-To: bob@example.org\n", "Delivered-To: bob@example.org\n"},
		"dovecot":   {"Return-Path: <a@s.test>\nDelivered-To: bob@example.org\n"},
		"courier":   {"Delivered-To: bob@example.org\nReturn-Path: <a@s.test>\n"},
	}
	rapid.Check(t, func(t *rapid.T) {
		for name, forms := range tops {
			top := rapid.SampledFrom(forms).Draw(t, name)
			received := rapid.SampledFrom([]string{"Received: by front\n", "X-Filter: x\nReceived: by front\n", ""}).Draw(t, "received")
			message := top + received + anyAgentsLines().Draw(t, "text")
			env, err := agent(t, name).ParseEnvelope([]byte(message), true, Catchall{})
			if err != nil {
				if received != "" {
					t.Fatalf("%s: %v\n%s", name, err, message)
				}
				continue
			}
			sender := "a@s.test"
			if !strings.Contains(top, sender) {
				sender = ""
			}
			if env.Recipient != "bob@example.org" || env.Sender != sender {
				t.Fatalf("%s: %+v\n%s", name, env, message)
			}
			if rest := content(message, env.Cut); received != "" && rest != message[len(top):] {
				t.Fatalf("%s: the content is\n%s\nof\n%s", name, rest, message)
			}
		}
	})
}

func FuzzAgents(f *testing.F) {
	f.Add([]byte("Return-Path: <a@b>\nX-Original-To: \"a\\\"b@c\"@d\nDelivered-To: in@d\n"+by), true)
	f.Add([]byte("Return-path: <a@b>\nEnvelope-to: one@d,\n two@d\n"+by), false)
	f.Fuzz(func(t *testing.T, head []byte, complete bool) {
		for _, a := range agents() {
			env, err := a.ParseEnvelope(head, complete, Catchall{})
			if err == nil {
				checkEnvelope(t, head, env)
			} else if !errors.Is(err, ErrNoEnvelope) {
				t.Fatal(err)
			}
		}
	})
}
