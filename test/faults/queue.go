package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"vodmr/qmail"
)

// A badQueue is a qmail-queue that accepts nothing, no matter what it reports: a
// /bin/sh script, or something else in its place.
type badQueue struct {
	script string
	make   func(path string) error // in place of a script
	slow   bool                    // vodmr-relay waits until its time limit for the program
}

// Beginnings of scripts: one reads the message and the envelope, the other reads
// nothing.
const (
	reads  = "ulimit -c 0; cat >/dev/null; cat <&1 >/dev/null; "
	unread = "ulimit -c 0; "
)

// exitQueues exit with each code but 0.
func exitQueues(before string) []badQueue {
	var list []badQueue
	for code := 1; code <= 255; code++ {
		list = append(list, badQueue{script: fmt.Sprintf("%sexit %d", before, code)})
	}
	return list
}

// signalQueues are killed by each signal that can do so.
func signalQueues() []badQueue {
	var list []badQueue
	for _, signal := range []string{"HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "XCPU", "XFSZ"} {
		for _, before := range []string{reads, unread} {
			list = append(list, badQueue{script: before + "kill -" + signal + " $$"})
		}
	}
	return list
}

// textQueues print a text on descriptor 6.
func textQueues() []badQueue {
	var list []badQueue
	for _, code := range []int{11, 31, 71, 82, 88, 91} {
		for _, text := range []string{"Dnot wanted", "Ztry later", "", "nothing that means anything",
			`D\nvodmr-relay: 1 success file=forged\n`, `D\033[2J\001\377`} {
			list = append(list, badQueue{script: fmt.Sprintf(`%sprintf '%s' >&6; exit %d`, reads, text, code)})
		}
	}
	return append(list,
		badQueue{script: reads + "head -c 10000000 /dev/zero | tr '\\0' D >&6; exit 88"},
		badQueue{script: unread + "head -c 10000000 /dev/zero >&6; exit 88"},
		badQueue{script: unread + "exec 6>&-; " + reads + "exit 88"})
}

// closingQueues close a descriptor early and then exit 0. The bounce is larger than a
// pipe, because nobody can tell if bytes that fit into the pipe were read.
func closingQueues() []badQueue {
	return []badQueue{
		{script: "exec 0<&-; exit 0"},
		{script: "head -c 1000 >/dev/null; exec 0<&-; cat <&1 >/dev/null; exit 0"},
		{script: "exec 1<&-; cat >/dev/null; exit 0"},
		{script: "exec 0<&- 1<&- 2<&- 6<&-; exit 0"},
		{script: "exit 0"},
	}
}

// missingQueues cannot be executed.
func missingQueues() []badQueue {
	write := func(text string, mode os.FileMode) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), mode) }
	}
	return []badQueue{
		{make: func(string) error { return nil }},
		{make: write("#!/bin/sh\nexit 0\n", 0o600)},
		{make: write("#!/nonexistent/sh\nexit 0\n", 0o700)},
		{make: write("\x7fELF and no more", 0o700)},
		{make: func(path string) error { return os.Mkdir(path, 0o700) }},
		{make: func(path string) error { return os.Symlink("/nonexistent", path) }},
		{make: func(path string) error { return os.Symlink(path, path) }},
	}
}

// hangingQueues end only when they are killed.
func hangingQueues() []badQueue {
	return []badQueue{
		{script: "exec sleep 3600", slow: true},
		{script: reads + "exec sleep 3600", slow: true},
		{script: "cat >/dev/null; exec sleep 3600", slow: true},
		{script: reads + "kill -STOP $$", slow: true},
		{script: reads + "exec yes >&6", slow: true},
	}
}

// badQueueRow makes qmail-queue fail in every possible way.
func badQueueRow() []series {
	all := []series{
		queueSeries("exit", exitQueues(reads)), queueSeries("unread", exitQueues(unread)),
		queueSeries("signal", signalQueues()), queueSeries("text", textQueues()),
		queueSeries("closes", closingQueues()), queueSeries("missing", missingQueues()),
	}
	for i, q := range hangingQueues() {
		all = append(all, queueSeries(fmt.Sprintf("hangs%d", i+1), []badQueue{q}))
	}
	return all
}

func queueSeries(name string, list []badQueue) series {
	return series{
		name: name, last: len(list), slow: list[0].slow,
		try: func(t *trial) { spoilQueue(t, list[t.n-1]) },
	}
}

// bounced makes mail of which one message must bounce; its bounce is larger than a
// pipe.
func bounced() []*message {
	return []*message{
		write("bob", "ann", "first\n"),
		write(nobody, "ann", strings.Repeat("A line of forty-six bytes, counting its end...\n", 4000)),
		write("gus", "ann", "behind it\n"),
	}
}

// spoilQueue installs the bad qmail-queue for two sessions, then the good one: the
// message stays, is tried again, and bounces once.
func spoilQueue(t *trial, bad badQueue) {
	s := newSite(t, relayChain(), modes()[t.random.IntN(3)], bounced())
	if t.broken != nil {
		return
	}
	t.broken = errors.Join(s.control("bouncemaxbytes", "1000000"), s.install(bad))
	sessions := 2
	if bad.slow {
		sessions, s.patience = 1, qmail.DefaultTimeout+sessionMax
	}
	t.logf("-- qmail-queue: %s", bad.script)
	for range sessions {
		if t.broken == nil {
			s.withBadQueue()
		}
	}
	t.fired, t.struck = true, true
	if t.broken == nil {
		t.broken = s.mendQueue()
	}
	s.settle(0)
}

// install replaces the stand-in by the bad program.
func (s *site) install(bad badQueue) error {
	if err := os.Remove(s.queueProgram()); err != nil {
		return err
	}
	if bad.make != nil {
		return bad.make(s.queueProgram())
	}
	return os.WriteFile(s.queueProgram(), []byte("#!/bin/sh\n"+bad.script+"\n"), 0o700)
}

func (s *site) mendQueue() error {
	if err := os.RemoveAll(s.queueProgram()); err != nil {
		return err
	}
	return os.Symlink(s.program("qmail-queue"), s.queueProgram())
}

// withBadQueue runs a session that must go on normally, except that it logs an error
// about the bounce.
func (s *site) withBadQueue() {
	began := time.Now()
	one := s.session(nil)
	if !one.cleanEnd {
		s.fail("the session broke: %s", one.how())
	}
	if left := s.leftBehind(); left != 1 {
		s.fail("%d wait, after %v: the one that should bounce must, no other may", left, time.Since(began))
	}
	if !strings.Contains(one.log, " error file=new/"+s.messages[1].file+" ") {
		s.fail("no word of the bounce that was not taken")
	}
	for line := range strings.Lines(one.log) {
		if strings.Contains(line, "file=forged") && !strings.Contains(line, " error file=new/") {
			s.fail("a line was forged: %q", line)
		}
	}
}
