package qmail

import (
	"bytes"
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// DefaultHome is the home directory of qmail, unless another one is named.
	DefaultHome = "/var/qmail"
	// OtherHome has the control files of a site without qmail.
	OtherHome = "/etc/vodmr"
)

// HomeText is StandardHome for people.
const HomeText = DefaultHome + ", or " + OtherHome + " if that is missing"

// StandardHome is where the control files are if no option says so: DefaultHome, or
// OtherHome if this host has no such folder.
func StandardHome() string { return standardHome(DefaultHome, OtherHome) }

func standardHome(first, other string) string {
	if isDir(first) {
		return first
	}
	return other
}

// A Home is qmail's home directory. It need not exist: then every setting has its
// default.
type Home struct{ dir string }

// OpenHome names the home directory. Nothing is read yet.
func OpenHome(dir string) Home { return Home{dir} }

// Path is the path of a file below the home directory.
func (h Home) Path(name string) string { return h.dir + "/" + name }

// Exists reports if the home directory is there.
func (h Home) Exists() bool { return isDir(h.dir) }

// Settings are the control files that matter here, one field a file.
type Settings struct {
	Me               string        // this host's name
	HeloHost         string        // the name for EHLO
	BounceFrom       string        // local part that bounces come from
	BounceHost       string        // host that bounces come from
	BounceMaxBytes   int64         // how much of a message a bounce copies; 0 is all
	DoubleBounceTo   string        // local part; "" throws double bounces away
	DoubleBounceHost string        // host that double bounces go to
	QueueLifetime    time.Duration // how long mail may be deferred
	TimeoutRemote    time.Duration // wait for a reply; 0 if the file does not say
}

// Settings reads the control files. host is this host's name if control/me is absent. If a
// file is absent or empty, its default holds, but an empty doublebounceto means "none", as
// in qmail-send(8). Any other failure is an error that names the file.
func (h Home) Settings(host string) (Settings, error) {
	c := control{home: h, open: openRegular}
	var s Settings
	s.Me = c.line("me", host)
	s.HeloHost = c.line("helohost", s.Me)
	s.BounceFrom = c.line("bouncefrom", "MAILER-DAEMON")
	s.BounceHost = c.line("bouncehost", s.Me)
	s.BounceMaxBytes = c.number("bouncemaxbytes", 50000)
	s.DoubleBounceTo = "postmaster"
	if to, found := c.read("doublebounceto"); found {
		s.DoubleBounceTo = to
	}
	s.DoubleBounceHost = c.line("doublebouncehost", s.Me)
	s.QueueLifetime = time.Duration(c.number("queuelifetime", 604800)) * time.Second
	s.TimeoutRemote = time.Duration(c.number("timeoutremote", 0)) * time.Second
	return s, c.err
}

// control reads one control file after the other and keeps the first error.
type control struct {
	home Home
	open func(path string) (*file, error)
	err  error
}

// content returns a control file's bytes; a file that is absent is not found.
func (c *control) content(name string) (b []byte, found bool) {
	if c.err != nil {
		return nil, false
	}
	b, err := readFile(c.home.Path("control/"+name), c.open)
	if errors.Is(err, unix.ENOENT) {
		return nil, false
	}
	c.err = err
	return b, err == nil
}

// read returns a file's first line without the blanks at its end.
func (c *control) read(name string) (line string, found bool) {
	b, found := c.content(name)
	first, _, _ := bytes.Cut(b, []byte("\n"))
	return trimBlanks(string(first)), found
}

// line is read with a default, even if the first line is empty: an empty host name is of
// no use.
func (c *control) line(name, absent string) string {
	line, _ := c.read(name)
	return cmp.Or(line, absent)
}

// maxNumber keeps a number of seconds within a time.Duration.
const maxNumber = 1 << 32

// number reads the digits that a file starts with, as qmail does.
func (c *control) number(name string, absent int64) int64 {
	line, _ := c.read(name)
	digits := line[:len(line)-len(strings.TrimLeft(line, "0123456789"))]
	if digits == "" {
		return absent
	}
	n, _ := strconv.ParseInt(digits, 10, 64) // the largest number if it is too large
	return min(n, maxNumber)
}

// lines returns a file's entries: no comments, no empty lines. A NUL ends an
// entry too, since qmail keeps its lists as strings that end in NUL.
func (c *control) lines(name string) []string {
	b, _ := c.content(name)
	var entries []string
	for line := range strings.SplitSeq(string(b), "\n") {
		line = trimBlanks(line)
		if line == "" || line[0] == '#' {
			continue
		}
		entries = append(entries, strings.Split(line, "\x00")...)
	}
	return entries
}

func trimBlanks(s string) string { return strings.TrimRight(s, " \t\n") }
