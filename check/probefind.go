package check

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"time"

	"vodmr/internal/address"
	"vodmr/maildir"
	"vodmr/relay/spool"
)

// await waits for the probe and says how it came.
func (p *probe) await(r *report) {
	p.m.withMaildir(r, func(box *maildir.Box) { p.find(box, r, "the probe to "+p.to) })
}

// find looks for the probe until it is there, or the time is over. A look takes at most a
// fifth of the time, however much mail waits.
func (p *probe) find(box *maildir.Box, r *report, subject string) {
	until := time.Now().Add(p.m.site.patience)
	busy := false
	for {
		began := time.Now()
		found, err := p.look(box)
		if r.unreadable(p.m.maildir(), err) {
			return
		}
		if found != nil {
			defer found.Close()
			p.judge(box, r, subject, found)
			return
		}
		if pid, err := box.Lock.Holder(); err == nil && pid != 0 {
			busy = true
		}
		if time.Now().After(until) {
			break
		}
		time.Sleep(max(4*time.Since(began), 50*time.Millisecond))
	}
	if busy {
		r.say(subject, probeTaken, p.m.maildir()+"/vodmr.lock is held")
	} else {
		r.say(subject, probeLost, fmt.Sprintf("%s, within %v", p.m.maildir(), p.m.site.patience))
	}
}

// clockStep is how far a file's time may lie before the probe's, which is that of a clock that
// counts more finely.
const clockStep = 2

// look looks for the probe among the messages that came since it was sent.
func (p *probe) look(box *maildir.Box) (*maildir.Message, error) {
	list, err := box.Scan(time.Time{})
	if err != nil {
		return nil, err
	}
	defer list.Close()
	for e, ok := list.Next(); ok; e, ok = list.Next() {
		if e.Time < p.began.Unix()-clockStep {
			continue
		}
		m, err := box.OpenMessage(e)
		if err != nil {
			continue // another one's, or gone
		}
		if p.is(m) {
			return m, nil
		}
		m.Close()
	}
	return nil, nil
}

// is reports if a message is the probe.
func (p *probe) is(m *maildir.Message) bool {
	head := make([]byte, maildir.HeadSize)
	n, _ := m.ReadAt(head, 0)
	return bytes.Contains(head[:n], []byte("<"+p.id+">"))
}

// judge compares the probe's envelope with the one that was sent, and removes the probe.
func (p *probe) judge(box *maildir.Box, r *report, subject string, found *maildir.Message) {
	took := time.Since(p.began).Round(time.Millisecond)
	w, there, err := p.read(found)
	if err == nil && !there {
		r.ok(subject, "came within "+took.String()+", and a session took it away")
		return
	}
	quoted, _ := address.Quote(p.to)
	if err = cmp.Or(err, w.Err); err != nil {
		r.say(subject, probeOdd, err.Error())
	} else if w.Sender != "" || address.Lower(w.Recipient) != address.Lower(quoted) { // a mail server may fold its case
		r.say(subject, probeOther, "from <"+w.Sender+"> to <"+w.Recipient+">")
	} else {
		r.ok(subject, "came within "+took.String()+" from <> to <"+w.Recipient+">")
	}
	err = box.Remove(found.Entry, found.Size)
	if err != nil && !errors.Is(err, maildir.ErrGone) && !errors.Is(err, maildir.ErrQuota) {
		r.say(p.m.maildir()+"/"+found.Path(), probeLeft, err.Error())
	}
}

// read reads the envelope as vodmr-relay does. there is false if the file is gone.
func (p *probe) read(found *maildir.Message) (w spool.Waiting, there bool, err error) {
	box, err := p.m.openSpool()
	if err != nil {
		return w, false, err
	}
	defer box.Close()
	w, there = box.Read(found.Entry)
	return w, there, nil
}
