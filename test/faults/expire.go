package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// expireChain is vodmr-expire, which asks no customer.
func expireChain() chain {
	return chain{
		name: "vodmr-expire", expires: true,
		argv: func(s *site, wrap []string) []string {
			return append(wrap, s.program("vodmr-expire"), "-q", s.qmail, s.maildir())
		},
	}
}

// lifetime is the site's control/queuelifetime, in seconds.
const lifetime = 3600

// expiring makes one message of each sort that vodmr-expire distinguishes.
func expiring() []*message {
	old := []*message{
		write(nobody, "ann", "nobody came for it\n"),
		write(nobody+"-deferred", "ann", "it was deferred\n"),
		write(nobody+"-large", "ann", strings.Repeat("A line of forty-six bytes, counting its end...\n", 4000)),
		write(nobody+"-seen", "ann", "in cur\n"),
		sentBy("", write(nobody+"-bounce", "", "a bounce\n")),
		sentBy("#@[]", write(nobody+"-double", "", "a bounce of a bounce\n")),
		write("taken", "ann", "taken, and not removed\n"),
		write(greylist+"-odd", "ann", "no envelope\n"),
		write(nobody+"-last", "ann", "behind all\nno last newline"),
	}
	old[5].expected = vanishes
	old[6].taken = 1
	for _, m := range old {
		m.age = 2 * lifetime
	}
	return append(old, write(greylist+"-young", "ann", "young\n"))
}

// sentBy gives a message a sender that is not an address.
func sentBy(from string, m *message) *message {
	m.from = from
	return m
}

// newExpiring makes a site with such mail, and with the notes of a session that
// deferred some of it. The last line of the notes is torn, so vodmr-expire must
// rewrite them.
func newExpiring(t *trial) *site {
	s := newSite(t, expireChain(), modes()[0], expiring())
	if t.broken == nil {
		t.broken = s.grow()
	}
	return s
}

func (s *site) grow() error {
	files := make(map[string]string)
	for _, m := range s.messages {
		name, _, _ := strings.Cut(m.to, "@")
		files[name] = m.file
	}
	now := time.Now().Unix()
	notes := fmt.Sprintf("%[1]d kept %[2]s 3 %[1]d 451 4.2.0 mailbox busy\n%[1]d done %[3]s\n%[1]d session -\n17", now, files[nobody+"-deferred"], files["taken"])
	for path, text := range map[string]string{
		filepath.Join(s.qmail, "control/queuelifetime"):           fmt.Sprintln(lifetime),
		filepath.Join(s.maildir(), "vodmr.notes"):                 notes,
		filepath.Join(s.maildir(), "new", files[greylist+"-odd"]): "no envelope\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	seen := files[nobody+"-seen"]
	return os.Rename(filepath.Join(s.maildir(), "new", seen), filepath.Join(s.maildir(), "cur", seen+":2,S"))
}

// killedExpire kills vodmr-expire.
func killedExpire() []series {
	var all []series
	for _, call := range calls() {
		all = append(all, series{name: "expire/" + call, try: func(t *trial) { killExpire(t, call) }})
	}
	return all
}

func killExpire(t *trial, call string) {
	s := newExpiring(t)
	if t.broken != nil {
		return
	}
	s.settle(killOnce(t, s, call).broken())
}

// failingExpire has vodmr-expire's Nth call of each name fail with each error.
func failingExpire() []series {
	var all []series
	c := failed{"expire", expireChain(), modes()[0], true}
	for _, call := range failingCalls() {
		all = append(all, series{name: c.name + "/" + call, each: len(failuresOf(call)), try: func(t *trial) { failExpire(t, c, call) }})
	}
	return all
}

func failExpire(t *trial, c failed, call string) {
	s := newExpiring(t)
	if t.broken != nil {
		return
	}
	one := failOnce(t, s, c, call)
	s.settle(one.broken())
}
