// Package check looks at what vodmr, vodmr-relay and their neighbours will meet at a site,
// and prints a line for each thing that is right, wrong or doubtful, with what to do about
// it. It asks the packages that do the work (relay, qmail, maildir, auth, tlswrap) if they
// have an answer, and a mail server's own commands, and changes nothing; only the probe
// (probe.go) sends a message, and network.go locks a file of its own. If it runs as root it reads each file with the rights of the user
// who can write it, see rights.go.
//
// The facts about a site are gathered once (site.go, mailbox.go). Then the checks of the
// table (table.go) run in their order: each is a function that reads the facts and writes
// to the report.
package check

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"vodmr/internal/confine"
	"vodmr/internal/sendmail"
	"vodmr/internal/sys"
)

// A Config says which site to look at. An empty field is filled in from the run script, and
// then with the usual value.
type Config struct {
	Qmail  string   // qmail's home
	Rules  string   // rules.cdb
	Dir    string   // the service directory
	Port   int      // vodmr's port; 0 for the one in the run script
	Logins []string // the logins to look at; none for those in the rules
	Probe  string   // the login to probe; "" for none
	To     string   // the probe's recipient; "" for one that fits the domain
	Out25  string   // another host, to try its port 25; "" for none
	Report bool     // print what a problem report needs, too
	Out    io.Writer
}

// ErrCannotLook means that a folder that the caller named is not there.
var ErrCannotLook = errors.New("cannot look")

// A system is what lies outside the site's own files; tests have one of theirs.
type system struct {
	now      time.Time
	dirs     []string // the usual service directories
	proc     string   // the kernel's files about itself
	empty    string   // the folder that vodmr-tls locks itself in
	disk     func(path string) (sys.Disk, error)
	lock     func(tmp string) error
	user     lookUp
	landlock func() confine.Landlock
	waitIO   time.Duration  // for each step of a connection
	look     time.Duration  // for each Maildir
	roots    *x509.CertPool // nil for those of the system
	tool     func(name string, args ...string) (toolRun, error)
	files    string        // the folder that stands for /; "" for / itself
	smtp     int           // the port of SMTP
	patience time.Duration // how long a probe may take
	mailer   string        // the sendmail, if no setting names one
}

func thisSystem() system {
	return system{
		now: time.Now(), dirs: usualDirs(), proc: "/proc", empty: confine.EmptyFolder,
		disk: sys.DiskAt, lock: tryLock, user: lookUpUser, landlock: confine.Kernels, waitIO: 10 * time.Second, look: 20 * time.Second,
		tool: runTool, smtp: 25, patience: 10 * time.Second, mailer: sendmail.DefaultProgram,
	}
}

// Run looks at a site, prints the findings, and returns how many lines say "wrong". If
// there is an error, which may wrap ErrCannotLook, the report is not whole.
func Run(c Config) (wrongs int, err error) {
	r := &report{out: c.Out}
	err = examine(c, thisSystem(), r)
	return r.count(wrong), err
}

// examine gathers the facts and runs the checks.
func examine(c Config, sys system, r *report) error {
	s, err := gather(c, sys)
	if err != nil {
		return err
	}
	defer s.close()
	if c.Report {
		printReport(s, r)
	}
	if s.Probe == "" && s.Out25 == "" || s.Report || len(c.Logins) > 0 {
		run(siteChecks(), s, r)
	}
	run(askedChecks(), s, r)
	sum(r)
	return r.err
}

// sum ends the report with a count. If all is well this is an ok line too, so that a reader
// who leaves out the ok lines sees nothing.
func sum(r *report) {
	count := fmt.Sprintf("%d ok, %d wrong, %d doubtful", r.count(fine), r.count(wrong), r.count(doubtful))
	if r.faults() == 0 {
		count = string(fine) + " all: " + count
	}
	r.print(count)
	if os.Geteuid() != 0 {
		r.print("root can see more: run vodmr-check as root for the whole picture")
	}
}
