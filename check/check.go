// Package check is the doctor of a site: it looks at what vodmr, vodmr-relay and
// their neighbours will meet, and says a line each about what is right, wrong or
// doubtful, and what to do. It asks the packages that do the work (relay, qmail,
// maildir, auth, tlswrap) wherever they have an answer, runs no program and
// changes nothing. As root it reads what others can write with their rights, see
// rights.go.
package check

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vodmr/qmail"
	"vodmr/tlswrap"
)

// A Config is what to look at. An empty field leaves it to the run script, and
// then to what is usual.
type Config struct {
	Qmail  string   // qmail's home
	Rules  string   // rules.cdb
	Dir    string   // the service directory
	Port   int      // where vodmr listens; 0 for what the run script says
	Logins []string // whose mailboxes to look at; none for those in the rules
	Report bool     // print what a problem report needs, too
	Out    io.Writer
}

// ErrCannotLook says that something that was named is not there to look at.
var ErrCannotLook = errors.New("cannot look")

// usualPort is RFC 2645's (section 4).
const usualPort = 366

// usualDirs are where a service directory is looked for: first where a supervisor
// looks, since a folder that no supervisor runs says nothing about the service.
func usualDirs() []string {
	return []string{"/service/vodmr", "/etc/service/vodmr", "/var/service/vodmr", "/etc/vodmr"}
}

// A doctor looks at one site.
type doctor struct {
	Config
	*report
	system
	service service
	home    qmail.Home
	host    string // the name that vodmr was given; "" where it is not known
	readers []who  // who runs vodmr-relay for the logins
}

// A system is what lies outside the site's own files; tests have one of theirs.
type system struct {
	now    time.Time
	dirs   []string // where a service directory is looked for
	proc   string   // where the kernel tells about itself
	empty  string   // where vodmr-tls locks itself in
	disk   func(path string) (disk, error)
	user   func(name string) (who, string, error) // an account, and its home
	waitIO time.Duration                          // for each step of a connection
	look   time.Duration                          // for each Maildir
	roots  *x509.CertPool                         // nil for those of the system
}

func thisSystem() system {
	return system{
		now: time.Now(), dirs: usualDirs(), proc: "/proc", empty: tlswrap.EmptyFolder,
		disk: askDisk, user: lookUpUser, waitIO: 10 * time.Second, look: 20 * time.Second,
	}
}

// Run looks at a site and prints what it finds. It returns how many lines say
// "wrong". An error, which may wrap ErrCannotLook, means that the report is not
// whole.
func Run(c Config) (wrongs int, err error) {
	d := &doctor{Config: c, report: &report{out: c.Out}, system: thisSystem()}
	return d.run()
}

func (d *doctor) run() (wrongs int, err error) {
	if err := d.settle(); err != nil {
		return 0, err
	}
	if d.Report {
		d.printReport()
	}
	d.checkService()
	d.checkQmail()
	d.checkRules()
	d.checkCertificate()
	d.checkPort()
	d.checkStanding()
	d.checkLogins()
	d.sum()
	return d.count(wrong), d.report.err
}

// settle finds out where things are.
func (d *doctor) settle() error {
	if err := d.findService(); err != nil {
		return err
	}
	if d.Qmail != "" && !isDir(d.Qmail) {
		return fmt.Errorf("%w: %s is no directory", ErrCannotLook, d.Qmail)
	}
	d.Qmail = first(d.Qmail, d.service.relay.qmail, qmail.DefaultHome)
	d.home = qmail.OpenHome(d.Qmail)
	d.host = d.service.vodmr.host
	if d.Rules == "" && d.service.relay.rules != "" {
		d.Rules = d.service.path(d.service.relay.rules)
	}
	if d.Port == 0 {
		d.Port = d.service.tcp.port
	}
	if d.Port == 0 {
		d.Port = usualPort
	}
	for _, m := range d.mailboxes() {
		if !slices.Contains(d.readers, m.user) {
			d.readers = append(d.readers, m.user)
		}
	}
	return nil
}

// findService reads the service directory, where there is one.
func (d *doctor) findService() error {
	if d.Dir == "" {
		d.Dir = d.usualDir()
	} else if !isDir(d.Dir) {
		return fmt.Errorf("%w: %s is no directory", ErrCannotLook, d.Dir)
	}
	if d.Dir == "" {
		return nil
	}
	dir, err := filepath.Abs(d.Dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotLook, err)
	}
	d.Dir = dir
	d.service = readService(dir, d.user)
	return nil
}

// usualDir is the service directory that nobody named: itself, not a supervisor's link
// to it, since itself is what an admin works in. It is empty where there is none.
func (d *doctor) usualDir() string {
	for _, dir := range d.dirs {
		if !isDir(dir) {
			continue
		}
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return real
		}
		return dir
	}
	return ""
}

// sum ends the report with a count, which is an ok line too if all is well: nothing then
// is left for who reads all other lines only.
func (d *doctor) sum() {
	count := fmt.Sprintf("%d ok, %d wrong, %d doubtful", d.count(fine), d.count(wrong), d.count(doubtful))
	if d.count(fine) == len(d.findings) {
		count = string(fine) + " all: " + count
	}
	d.print(count)
	if os.Geteuid() != 0 {
		d.print("root can see more: run vodmr-check as root for the whole picture")
	}
}

func first(words ...string) string {
	for _, word := range words {
		if word != "" {
			return word
		}
	}
	return ""
}
