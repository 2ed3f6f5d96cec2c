// Vodmr-qread lists what waits in customers' Maildirs. See vodmr-qread(8).
package main

import (
	"bufio"
	"errors"
	"os"
	"time"

	"vodmr/internal/fdio"
	"vodmr/internal/getopt"
	"vodmr/internal/locate"
	"vodmr/internal/logline"
	"vodmr/internal/version"
	"vodmr/qmail"
	"vodmr/relay/grant"
	"vodmr/relay/spool"
)

const (
	program = "vodmr-qread"
	usage   = "usage: vodmr-qread [-j] [-q QMAILHOME] LOGIN-or-MAILDIR...\n" +
		"       vodmr-qread -h | -V\n" +
		"what has a / in it is a Maildir; see vodmr-qread(8)\n"
	exitMisuse    = 100
	exitTemporary = 111
)

func main() { os.Exit(run()) }

func run() int {
	if text := version.Answer(program, usage, os.Args[1:]); text != "" {
		_ = fdio.WriteAll(1, []byte(text))
		return 0
	}
	home, lines := qmail.DefaultHome, false
	args, err := getopt.Parse(os.Args[1:], "jq:", func(letter rune, value string) error {
		if letter == 'j' {
			lines = true
			return nil
		}
		home = value
		return getopt.Absolute(letter, value)
	})
	if err == nil && len(args) == 0 {
		err = errors.New("a LOGIN or a MAILDIR is needed")
	}
	if err != nil {
		_ = fdio.WriteAll(2, []byte(program+": "+err.Error()+"\n"+usage))
		return exitMisuse
	}
	return listAll(qmail.OpenHome(home), lines, args)
}

// listAll lists each Maildir, and returns the exit code.
func listAll(site qmail.Home, lines bool, args []string) int {
	out := bufio.NewWriter(os.Stdout)
	r := &reader{site: site, out: &text{out}, now: time.Now()}
	if lines {
		r.out = &objects{out}
	}
	for _, arg := range args {
		r.read(arg)
	}
	if len(args) > 1 {
		r.out.overall(r.all)
	}
	if out.Flush() != nil {
		r.code = exitTemporary
	}
	return r.code
}

// A reader goes through one Maildir after the other.
type reader struct {
	site qmail.Home
	out  printer
	now  time.Time
	all  totals
	code int
}

// A printer is a form of the list.
type printer interface {
	begin(place locate.Place, path string)
	message(row)
	end(totals)
	overall(totals)
}

// totals are what stands at the end of a list.
type totals struct {
	place    locate.Place
	path     string
	maildirs int
	messages int64
	bytes    int64
	oldest   int64 // age in seconds
	tried    int64 // messages that were offered and kept
	unread   int64 // messages without an envelope that could be read
}

// read lists one Maildir, with the rights of its owner.
func (r *reader) read(arg string) {
	log := logline.New(2, program, arg)
	place, err := locate.Find(r.site, arg)
	if err == nil {
		err = place.While(func() error { return r.list(place, log) })
	}
	if err != nil {
		log.Event("error", logline.Err(err))
		r.code = max(r.code, exitCode(err))
	}
}

// exitCode tells what an administrator must mend from what may pass.
func exitCode(err error) int {
	if locate.Misnamed(err) {
		return exitMisuse
	}
	return exitTemporary
}

func (r *reader) list(place locate.Place, log *logline.Logger) error {
	m, err := spool.OpenMailbox(spool.Config{
		Log: log, Site: grant.Site{Qmail: r.site}, Login: place.Login, Home: place.Home, Maildir: place.Maildir, Now: time.Now,
	})
	if err != nil {
		return err
	}
	defer m.Close()
	t := totals{place: place, path: m.Path(), maildirs: 1}
	r.out.begin(place, m.Path())
	err = m.Each(func(w spool.Waiting) bool {
		row := rowOf(m.Path(), w, r.now)
		t.add(row)
		r.out.message(row)
		return true
	})
	if err == nil {
		r.out.end(t)
	}
	r.all.join(t)
	return err
}

func (t *totals) add(row row) {
	t.messages++
	t.bytes += row.Size
	t.oldest = max(t.oldest, row.Age)
	if row.Tries > 0 {
		t.tried++
	}
	if row.unread {
		t.unread++
	}
}

func (t *totals) join(other totals) {
	t.maildirs += other.maildirs
	t.messages += other.messages
	t.bytes += other.bytes
	t.oldest = max(t.oldest, other.oldest)
	t.tried += other.tried
	t.unread += other.unread
}
