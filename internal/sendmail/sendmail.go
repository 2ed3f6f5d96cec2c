// Package sendmail owns what vodmr-sendmail does: it takes a message as qmail-queue(8)
// does and hands it to a sendmail(1). Nothing is sent before message and envelope have been
// read to their ends, so if its writer dies, a message is never sent.
package sendmail

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/child"
	"vodmr/internal/sys"
)

const (
	// DefaultProgram is the sendmail that runs if VODMR_SENDMAIL names none.
	DefaultProgram = "/usr/sbin/sendmail"
	// DefaultTimeout is how long the writer may be silent, and how long sendmail may run.
	// It is less than qmail.DefaultTimeout: a caller must not give up, and try again later, while
	// sendmail still works.
	DefaultTimeout = 4 * time.Minute
	// DefaultGrace is how long a sendmail that was asked to end may take before it is killed.
	DefaultGrace = 10 * time.Second
)

// A Mailer hands messages to a sendmail.
type Mailer struct {
	Program string        // absolute path of the sendmail
	Environ []string      // of the sendmail
	Folder  string        // for temporary files, which have no names
	Timeout time.Duration // see DefaultTimeout
	Grace   time.Duration // see DefaultGrace
}

// Take reads a message from one descriptor and its envelope from another, and sends it.
// The error is nil if sendmail took it; any other is a *Failure. said is the beginning of what
// sendmail printed.
func (m Mailer) Take(message, envelope int) (said string, err error) {
	file, err := temporary(m.Folder)
	if err != nil {
		return "", &Failure{Code: CodeWrite, Text: "no temporary file can be made in " + m.Folder, Err: err}
	}
	defer unix.Close(file)
	if err := m.copyMessage(file, message); err != nil {
		return "", err
	}
	text, err := m.readEnvelope(envelope)
	if err != nil {
		return "", err
	}
	parsed, err := parseEnvelope(text)
	if err != nil {
		return "", err
	}
	argv, err := parsed.arguments(m.Program)
	if err != nil {
		return "", err
	}
	return m.send(file, argv)
}

// send runs sendmail with the message as its standard input. What it prints goes to a
// file: it cannot wait for us to read it, and children that it leaves can go on writing.
func (m Mailer) send(message int, argv []string) (said string, err error) {
	if err := child.Executable(m.Program); err != nil {
		return "", &Failure{Code: CodeNoProgram, Text: m.Program + " cannot be run: set VODMR_SENDMAIL, or install a mail server that has sendmail(1)", Err: err}
	}
	output, err := temporary(m.Folder)
	if err != nil {
		return "", &Failure{Code: CodeWrite, Text: "no temporary file can be made in " + m.Folder, Err: err}
	}
	defer unix.Close(output)
	if _, err := unix.Seek(message, 0, io.SeekStart); err != nil {
		return "", &Failure{Code: CodeWrite, Text: "the temporary file cannot be read", Err: err}
	}
	status, stopped, err := m.run(argv, message, output)
	if errors.Is(err, unix.E2BIG) {
		return "", &Failure{Code: CodeMemory, Text: "the envelope has more recipients than a command line takes"}
	}
	if err != nil {
		return "", &Failure{Code: CodeNoProgram, Text: "sendmail cannot be run", Err: err}
	}
	said, err = beginning(output), judge(status)
	if err != nil && stopped {
		return said, &Failure{Code: CodeTimeout, Text: "sendmail took too long, or a signal ended it"}
	}
	return said, err
}

// foreign are beginnings of names that mean something to the programs in front of this one
// and nothing to a sendmail, or the wrong thing: with QMAILQUEUE, qmail's own sendmail would
// run this program again, and without end.
func foreign() []string {
	return []string{"VODMR_", "QMAIL", "SSL", "TCP", "UCSPI", "PROTO", "RELAYCLIENT", "DATABYTES", "VPOPUSER", "AUTH_", "SMTPAUTH", "GOMAXPROCS"}
}

// Environ is an environment without what the programs in front of this one put there.
// PATH is set if it is missing.
func Environ(environ []string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		return slices.ContainsFunc(foreign(), func(prefix string) bool { return strings.HasPrefix(entry, prefix) })
	})
	if !slices.ContainsFunc(kept, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") }) {
		kept = append(kept, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	return kept
}

// temporary makes a file that only this process has: it loses its name at once, so it is
// gone as soon as the process is, however that ends.
func temporary(folder string) (fd int, err error) {
	f, err := os.CreateTemp(folder, "vodmr-sendmail.*")
	if err != nil {
		return -1, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return -1, err
	}
	return sys.RetryN(func() (int, error) { return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3) })
}

// beginning is what a file has in its first kilobyte, without the blanks around it.
func beginning(fd int) string {
	var buf [1024]byte
	n, _ := sys.ReadAt(fd, buf[:], 0)
	return strings.TrimSpace(string(buf[:n]))
}
