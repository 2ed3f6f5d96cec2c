package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	millionFiles = 1_000_000
	millionTaken = 20_000 // then the customer hangs up
	smallFiles   = 1000
)

// runMillion compares the cost of a message if a million are waiting with its cost if
// a thousand are. Both send the same number of messages: the first of the million,
// and twenty small Maildirs completely. The time before the first MAIL is a separate
// figure.
func runMillion(b *bench, r row) ([]result, error) {
	small, err := b.small()
	if err != nil {
		return nil, err
	}
	big, err := b.million()
	if err != nil {
		return []result{small}, err
	}
	big.row = r.name
	big.ratio = big.cost / small.cost
	big.note = fmt.Sprintf("first MAIL %.2f s after ATRN, then %.0f us a message, %.2f x of 1000 files",
		big.firstMAIL, big.cost, big.ratio)
	return []result{small, big}, nil
}

// small relays Maildirs of a thousand files each.
func (b *bench) small() (result, error) {
	m := mail{messages: smallFiles, copies: 1, size: 4 << 10}
	mode, _ := modeNamed("chunking")
	var total outcome
	for range millionTaken / smallFiles {
		o, err := b.oneSmall(m, mode)
		if err != nil {
			return result{}, err
		}
		total.add(o)
	}
	m.messages = millionTaken
	small := newResult(m, mode, &link{}, total)
	small.row, small.cost = "thousands", 1e6*total.between/millionTaken
	small.note = fmt.Sprintf("first MAIL %.4f s after ATRN, then %.0f us a message",
		total.firstMAIL*smallFiles/millionTaken, small.cost)
	return small, nil
}

func (b *bench) oneSmall(m mail, mode mode) (outcome, error) {
	home, err := b.home()
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(home)
	if err := m.fill(home); err != nil {
		return outcome{}, err
	}
	o, err := b.session(home, mode.server(), &link{})
	return o, errors.Join(err, allArrived(home, m, o))
}

// add sums up sessions.
func (o *outcome) add(more outcome) {
	o.seconds += more.seconds
	o.cpu += more.cpu
	o.firstMAIL += more.firstMAIL
	o.between += more.between
	o.recipients += more.recipients
	o.wire += more.wire
	o.replies += more.replies
	o.peak = max(o.peak, more.peak)
}

// million relays the oldest of a million files until the customer hangs up.
func (b *bench) million() (result, error) {
	home, err := b.home()
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(home)
	m := mail{messages: millionTaken, copies: 1, size: 4 << 10}
	if err := m.fill(home); err != nil {
		return result{}, err
	}
	if err := m.link(filepath.Join(home, "Maildir", "new"), millionFiles); err != nil {
		return result{}, err
	}
	mode, _ := modeNamed("chunking")
	server := mode.server()
	server.CloseAfter = millionTaken
	o, err := b.session(home, server, &link{})
	if err == nil && o.recipients != millionTaken {
		err = fmt.Errorf("%d of %d arrived", o.recipients, millionTaken)
	}
	big := newResult(m, mode, &link{}, o)
	big.cost = 1e6 * o.between / millionTaken
	return big, err
}

// link adds names until there are total. They are hard links to one message, which is
// written again if the file system allows no more links. These names are listed, but
// none of them is sent, so their content makes no difference.
func (m mail) link(folder string, total int) error {
	source := ""
	for file := m.messages; file < total; file++ {
		path := filepath.Join(folder, m.name(file))
		if source != "" {
			err := os.Link(source, path)
			if err == nil {
				continue
			}
			if !errors.Is(err, syscall.EMLINK) {
				return err
			}
		}
		source = path
		if err := os.WriteFile(path, []byte(m.envelope(file)+m.content(file)), 0o600); err != nil {
			return err
		}
	}
	return nil
}
