// Package listing owns the list of the mail that waits in customers' Maildirs: for people,
// or as JSON. It only reads.
package listing

import (
	"bufio"
	"io"
	"time"

	"vodmr/internal/locate"
	"vodmr/internal/logline"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/relay/spool"
)

// A Lister lists one Maildir after the other.
type Lister struct {
	Site    qmail.Home
	Environ func(name string) string // variables, as os.Getenv gives them
	Out     io.Writer
	Form    Form
	Log     func(arg string) *logline.Logger // about one Maildir
	Failed  func(error)                      // hears each error that was logged

	out printer
	now time.Time
	all totals
}

// A Form is how the list is written.
type Form int

const (
	Text    Form = iota // for people
	JSON                // an object a line
	Metrics             // sums only, in Prometheus' text format
)

// A printer writes one Form.
type printer interface {
	begin(path string)
	message(row)
	end(totals)
	failed(arg string) // in place of end
	overall(totals)    // once, after several arguments
	finish()           // once, behind everything
}

// List lists the Maildirs that the arguments name, as locate.Find reads them. The error is
// Out's.
func (l *Lister) List(args []string) error {
	out := bufio.NewWriter(l.Out)
	l.now, l.out = time.Now(), l.Form.printer(out)
	for _, arg := range args {
		if err := l.find(arg); err != nil {
			l.out.failed(arg)
			l.Log(arg).Event("error", logline.Err(err))
			l.Failed(err)
		}
	}
	if len(args) > 1 {
		l.out.overall(l.all)
	}
	l.out.finish()
	return out.Flush()
}

func (f Form) printer(out io.Writer) printer {
	switch f {
	case JSON:
		return &objects{out}
	case Metrics:
		return &metrics{out: out}
	}
	return &text{out}
}

// find lists one Maildir, with the rights of its owner.
func (l *Lister) find(arg string) error {
	place, err := locate.Find(l.Site, arg)
	if err != nil {
		return err
	}
	return place.Yours(place.While(func() error { return l.list(place) }))
}

func (l *Lister) list(place locate.Place) error {
	m, err := spool.OpenMailbox(spool.Config{
		Log: l.Log(place.Name), Site: grant.Site{Qmail: l.Site}, Login: place.Login, Home: place.Home, Maildir: place.Maildir, Now: time.Now, Environ: l.Environ,
	})
	if err != nil {
		return err
	}
	defer m.Close()
	t := totals{Login: place.Login, Maildir: m.Path(), Maildirs: 1}
	l.out.begin(m.Path())
	err = m.Each(func(w spool.Waiting) bool {
		row := rowOf(m.Path(), w, l.now)
		t.join(totals{Messages: 1, Bytes: row.Size, Oldest: row.Age, Tried: oneIf(row.Tries > 0), Unread: oneIf(row.unread)})
		l.out.message(row)
		return true
	})
	if err == nil {
		t.state, err = m.State()
	}
	if err == nil {
		l.out.end(t)
	}
	l.all.join(t)
	return err
}

// totals stand at the end of a Maildir's list, and of all. The names of the keys are promised
// in vodmr-qread(8).
type totals struct {
	Type     string `json:"type"`
	Login    string `json:"login"`
	Maildir  string `json:"maildir"`
	Maildirs int    `json:"maildirs"`
	Messages int64  `json:"messages"`
	Bytes    int64  `json:"bytes"`
	Oldest   int64  `json:"oldest"`     // age in seconds
	Tried    int64  `json:"tried"`      // messages that were offered and kept
	Unread   int64  `json:"unreadable"` // messages without an envelope that could be read

	state spool.State
}

func (t *totals) join(other totals) {
	t.Maildirs += other.Maildirs
	t.Messages += other.Messages
	t.Bytes += other.Bytes
	t.Oldest = max(t.Oldest, other.Oldest)
	t.Tried += other.Tried
	t.Unread += other.Unread
}
