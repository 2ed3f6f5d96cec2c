package main

import (
	"fmt"
	"slices"
	"strings"
)

const (
	domain   = "example.org"
	login    = "odmr@" + domain
	password = "open sesame"
	host     = "mail.provider.example"
)

// An outcome is what must finally become of a message.
type outcome int

const (
	arrives outcome = iota
	bounces
	stays
	vanishes // nobody must be informed of it
)

// A message is one file of the Maildir, and the account of it.
type message struct {
	file, from, to string
	content        string // as stored, without the envelope lines
	expected       outcome

	taken     int  // times that the customer took it
	bounced   int  // times that qmail-queue took its bounce
	doubts    int  // sessions that broke before it was answered
	unbounced int  // sessions that left it there though it was refused: its bounce may be queued
	deleted   bool // by a mail reader, which may do so
	age       int  // seconds by which it is older than the others
}

// The customer refuses recipients and senders that begin with these words.
const (
	nobody   = "nobody"   // 550 to RCPT
	greylist = "greylist" // 450 to RCPT
	spammer  = "spammer"  // 554 to the content
)

// variety makes one message of each sort: every outcome, one message for two
// recipients, and one too large to be read whole.
func variety() []*message {
	list := []*message{
		write("bob", "ann", "small\n"),
		write("carol", "ann", "for two\n.dot\n"),
		write("dave", "ann", "for two\n.dot\n"),
		write(nobody, "ann", "to nobody\n"),
		write(greylist, "ann", "not yet\n"),
		write("erin", "ann", strings.Repeat("A large message of many lines, each with fifty-two.\n", 1<<20/52+1000)),
		write("frank", spammer, "buy\n"),
		write("gus", "ann", "behind all\nno last newline"),
	}
	return list
}

// fetched makes one message of each sort for atrn as the receiver: it refuses no
// recipient, but it refuses a message if it is too large.
func fetched() []*message {
	list := slices.DeleteFunc(variety(), func(m *message) bool { return m.expected != arrives })
	large := write("hal", "ann", strings.Repeat("A message that is too large for this customer.......\n", atrnMax/53+1))
	large.expected = bounces
	return slices.Insert(list, 3, large)
}

// small makes n messages of a few bytes.
func small(n int) []*message {
	var list []*message
	for i := range n {
		list = append(list, write(fmt.Sprintf("r%d", i), "a", fmt.Sprintf("%d\n", i)))
	}
	return list
}

// write makes a message. Messages with equal texts are copies of each other.
func write(to, from, text string) *message {
	m := &message{from: from + "@s.test", to: to + "@" + domain}
	m.content = "Received: (qmail 1 invoked by network)\n\n" + text
	switch {
	case strings.HasPrefix(to, nobody) || from == spammer:
		m.expected = bounces
	case strings.HasPrefix(to, greylist):
		m.expected = stays
	}
	return m
}

// stored is the content of the whole file.
func (m *message) stored() string {
	return "Return-Path: <" + m.from + ">\nDelivered-To: " + m.to + "\n" + m.content
}

// returned is the envelope of the bounce, as the stand-in for qmail-queue stores it.
func (m *message) returned() string {
	if m.from == "" {
		return "F#@[]\nTpostmaster@" + host + "\n"
	}
	return "F\nT" + m.from + "\n"
}

// sent is the content as SMTP carries it.
func (m *message) sent() string {
	text := m.content
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return strings.ReplaceAll(text, "\n", "\r\n")
}
