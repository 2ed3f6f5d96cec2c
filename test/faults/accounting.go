package main

import (
	"os"
	"path/filepath"
	"strings"
)

// close closes the account of all customers: each message must be where it belongs,
// and may have been sent once, and once more for each doubt. A bounce may have been sent
// once more, too, for each session that left a refused message there.
func (k *soaking) close() {
	k.countBounces()
	doubts := 0
	for _, p := range k.customers {
		there, err := p.waiting()
		if err == nil && p.chain.fetches {
			err = p.countInbox()
		}
		if err != nil {
			k.broken = err
			return
		}
		for _, m := range p.messages {
			p.judge(m, there[m.file])
			doubts += m.doubts + m.unbounced
			if most := 1 + m.doubts; m.taken > most || m.bounced > most+m.unbounced {
				k.fail("%s: %s arrived %d times, bounced %d times, was in doubt %d times, its bounce %d", p.login, m.file, m.taken, m.bounced, m.doubts, m.unbounced)
			}
		}
		for _, what := range p.unexpected {
			k.fail("%s: %s", p.login, what)
		}
	}
	k.bound = doubts
	k.readLog()
}

// countBounces reads the bounces that the stand-in for qmail-queue took: no two
// messages have the same recipient.
func (k *soaking) countBounces() {
	bounced := make(map[string]*message)
	for _, p := range k.customers {
		for _, m := range p.messages {
			bounced[m.to] = m
		}
	}
	list, _ := filepath.Glob(filepath.Join(k.dir, "qmail/queue/*.envelope"))
	for _, name := range list {
		envelope, err := os.ReadFile(name)
		text, err2 := os.ReadFile(strings.TrimSuffix(name, "envelope") + "message")
		_, rest, _ := strings.Cut(string(text), "\n<")
		to, _, _ := strings.Cut(rest, ">:\n")
		m := bounced[to]
		if err != nil || err2 != nil || m == nil || string(envelope) != "F\nT"+m.from+"\n" {
			k.fail("a bounce of nothing that was sent: %q %.300q", envelope, text)
			continue
		}
		m.bounced++
	}
}

// readLog counts the events for the trial's log, and fails if a program crashed or a
// line has no known form.
func (k *soaking) readLog() {
	text, err := os.ReadFile(filepath.Join(k.dir, "log"))
	if err != nil {
		k.broken = err
		return
	}
	log := string(text)
	for _, word := range []string{"panic: ", "fatal error: ", "DATA RACE"} {
		if i := strings.Index(log, word); i >= 0 {
			k.fail("a program crashed: %.1000s", log[i:])
		}
	}
	k.checkForms(log)
	k.logf("-- %d sessions turned, %d ended in order, %d messages taken, %d in doubt",
		strings.Count(log, `reply="250 2.0.0 the roles`), strings.Count(log, " reason=quit\n"),
		strings.Count(log, " success "), strings.Count(log, " doubt "))
}
