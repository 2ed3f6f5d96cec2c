package main

import (
	"fmt"
	"io"
	"strings"
)

// A row is one kind of fault.
type row struct {
	name, about string
	injects     bool // it needs inject
	series      func() []series
}

// A series is a sequence of points of one sort, numbered from 1.
type series struct {
	name string
	// last is the number of points; if it is 0, the series ends when points no longer
	// strike.
	last int
	// guess is the number of points that a sample assumes at first; 0 means 64.
	guess int
	// each is the number of points at each call that inject counts; 0 means 1.
	each int
	// slow is set if a point takes minutes: a sample leaves the series out.
	slow bool
	// try causes the fault of point t.n and accounts for the mail.
	try func(t *trial)
}

// rows are all rows, in the order of the table.
func rows() []row {
	return []row{
		{"killed-relay", "vodmr-relay is killed at its Nth system call of each kind", true, killedRelay},
		{slowRow, "the same, on a file system whose calls take 2 ms, while it reads and removes several files at once", true, killedSlow},
		{"killed-standing", "the same, during a standing session", true, killedStanding},
		{"killed-door", "the same while the session is asked about recipients, and askers go before the answer", true, killedDoor},
		{"killed-takeover", "the same, during a takeover: it asks a standing session for the mailbox, or is asked", true, killedTakeover},
		{"killed-vodmr", "vodmr is killed in the same way", true, killedVodmr},
		{"killed-tls", "vodmr-tls is killed in the same way", true, killedTLS},
		{"killed-atrn", "atrn, receiving into a Maildir, is killed in the same way", true, killedAtrn},
		{"killed-expire", "vodmr-expire, which bounces what is too old, is killed in the same way", true, killedExpire},
		{"failing-call", "the Nth system call of each kind fails: in vodmr-relay and atrn with each of seven errors, in any program with one of them in turn", true, failingCall},
		{"failing-standing", "vodmr-relay's Nth system call of each kind fails during a standing session", true, failingStanding},
		{"failing-door", "the same while it is asked about recipients, with one of seven errors in turn", true, failingDoor},
		{"failing-takeover", "the same during a takeover, with one of seven errors in turn: it asks a standing session for the mailbox, or is asked", true, failingTakeover},
		{"failing-expire", "vodmr-expire's Nth call of each kind fails, with each of seven errors", true, failingExpire},
		{"partial-io", "the Nth call moves only one byte, or returns EIO although it was done", true, partialIOCall},
		{"broken-line", "the line is cut at its Nth byte each way, is reset, stalls, or trickles", false, brokenLine},
		{"broken-standing", "the line of a standing session is cut at its Nth byte each way, with TLS at each seventh, is reset, or stalls", false, brokenStanding},
		{"bad-queue", "qmail-queue exits with each code, dies, hangs, prints, closes a descriptor, or is missing", false, badQueueRow},
		{"mailreaders", "other programs deliver, read and delete in the Maildir, while three sessions compete for it", false, mailreadersRow},
		{"mailreaders-standing", "the same, with standing sessions: each goes on until another asks or its time is over", false, mailreadersStanding},
		{"poison", "five messages break each session that offers them; a line breaks at random for weeks", false, poisonRow},
		{"soak", "500 customers at once, for minutes: one line in ten is cut, one session in twenty loses a process", false, soakRow},
	}
}

// choose finds the named rows, or all rows if none is named.
func choose(names []string) ([]row, error) {
	if len(names) == 0 {
		return rows(), nil
	}
	var list []row
	for _, name := range names {
		r, found := find(name)
		if !found {
			return nil, fmt.Errorf("there is no row %q; the rows are %s", name, strings.Join(rowNames(), ", "))
		}
		list = append(list, r)
	}
	return list, nil
}

func find(name string) (row, bool) {
	for _, r := range rows() {
		if r.name == name {
			return r, true
		}
	}
	return row{}, false
}

func rowNames() []string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

func printRows(w io.Writer) {
	for _, r := range rows() {
		fmt.Fprintf(w, "%-17s %s\n", r.name, r.about)
	}
}
