package qmail

import (
	"io"
	"strings"
	"time"

	"vodmr/internal/address"
)

// A Bounce is a notice that a message could not be delivered, in QSBMF, the
// format of qmail-send's own.
type Bounce struct {
	Settings Settings
	Sender   string // the message's sender as in its Return-Path: quoted, no <>
	Date     time.Time
	ID       string // of ASCII letters, digits, dots; the notice's own: it goes into its Message-ID
	Failures []Failure
	Message  io.Reader // the message without its envelope lines, LF line ends

	// Unproven: the message may never have come by mail, so its Sender may be invented.
	// The notice goes to the postmaster, as if the sender were null.
	Unproven bool

	// CustomersPostmaster is the raw address that the notice goes to in place of the
	// sender, who cannot be told; "" for none.
	CustomersPostmaster string

	// Front: no qmail is here. The notice then speaks for the mail relay of the site, and
	// not for a program beside qmail-send.
	Front bool

	charset string // see Scan
}

// A Failure is a recipient and why it did not get the message.
type Failure struct {
	Recipient string // raw
	Reason    string // one or more lines
}

// BounceTo returns the sender and the recipient of a message's bounce, both raw for
// qmail-queue's envelope. sender is quoted. A message with the null sender is a bounce
// itself, so the notice goes to doublebounceto from `#@[]`. If the message is from `#@[]`,
// or there is no doublebounceto, no notice is sent.
func BounceTo(sender string, s Settings) (to, from string, drop bool) {
	if sender == "#@[]" || sender == "" && s.DoubleBounceTo == "" {
		return "", "", true
	}
	if sender == "" {
		return s.DoubleBounceTo + "@" + s.DoubleBounceHost, "#@[]", false
	}
	return address.Unquote(sender), "", false
}

// Reader returns the notice. The message is read as the notice is read, never
// kept; an error of its reader is returned as it is.
func (b Bounce) Reader() io.Reader {
	return io.MultiReader(strings.NewReader(b.head()), copyOf(b.Message, b.Settings.BounceMaxBytes))
}

// head returns the notice up to the copy of the message.
func (b Bounce) head() string {
	var s strings.Builder
	speaker := "vodmr program" // programs that read bounces know QSBMF by the words before it
	if b.Front {
		speaker = "mail relay"
	}
	s.WriteString(b.header() + "\n")
	s.WriteString("Hi. This is the " + speaker + " at " + asciiText(b.Settings.BounceHost) + ".\n" + b.opening() + "\n")
	for _, f := range b.Failures {
		s.WriteString("<" + shown(f.Recipient) + ">:\n" + reasonLines(f.Reason) + "\n")
	}
	s.WriteString("--- Below this line is a copy of the message.\n\n")
	s.WriteString("Return-Path: <" + noControl(b.Sender) + ">\n")
	return s.String()
}

// opening explains to a person what happened.
func (b Bounce) opening() string {
	if b.CustomersPostmaster != "" {
		return "A message could not be delivered to the addresses below, and will not be tried\n" +
			"again. You get it as the postmaster of their domain: this host may not send mail,\n" +
			"so its sender has not been told.\n"
	}
	if b.Unproven {
		return "A message could not be delivered to the addresses below. Its sender has not\n" +
			"been told: no Received line stands below its Return-Path and Delivered-To, so\n" +
			"it may never have come by mail. It stays in its mailbox.\n"
	}
	if b.Sender == "" {
		return "A failure notice could not be delivered itself, so you get it as the\n" +
			"postmaster here. Nobody else has been told.\n"
	}
	return "Your message could not be delivered to the addresses below.\n" +
		"It will not be tried again.\n"
}

func (b Bounce) to() string {
	if b.CustomersPostmaster != "" {
		return noControl(address.Shown(b.CustomersPostmaster))
	}
	if b.Sender != "" && !b.Unproven {
		return noControl(b.Sender)
	}
	to, _, _ := BounceTo("", b.Settings)
	return noControl(address.Shown(to))
}

const (
	maxReasonLine  = 900 // bytes; RFC 5322 section 2.1.1 allows 998
	maxReasonLines = 100
)

// reasonLines cleans a reason, which the customer's server wrote for the most part:
// printable ASCII, no empty line. An empty line would end the paragraph, and the rest
// could pass for a paragraph about another recipient.
func reasonLines(reason string) string {
	var s strings.Builder
	lines := 0
	for line := range strings.SplitSeq(strings.ReplaceAll(reason, "\r", "\n"), "\n") {
		line = strings.TrimRight(asciiText(line), " ")
		if line == "" || lines == maxReasonLines {
			continue
		}
		if len(line) > maxReasonLine {
			line = line[:maxReasonLine] + "..."
		}
		s.WriteString(line + "\n")
		lines++
	}
	return s.String()
}

// asciiText replaces what is not printable ASCII: a tab by a space, all else by
// a question mark.
func asciiText(s string) string {
	return questioned(strings.ReplaceAll(s, "\t", " "), func(c byte) bool { return c < ' ' || c >= 0x7f })
}

// noControl replaces control characters only: an address keeps its UTF-8.
func noControl(s string) string {
	return questioned(s, func(c byte) bool { return c < ' ' || c == 0x7f })
}

// questioned puts a question mark in the place of each byte that is bad.
func questioned(s string, bad func(c byte) bool) string {
	b := []byte(s)
	for i, c := range b {
		if bad(c) {
			b[i] = '?'
		}
	}
	return string(b)
}
