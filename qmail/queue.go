package qmail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/starter"
	"vodmr/internal/sys"
)

// MaxAddress is the longest address that qmail-queue takes, in bytes.
const MaxAddress = 1002

// DefaultTimeout is how long Inject waits for qmail-queue if Queue has no Timeout.
const DefaultTimeout = 5 * time.Minute

// A Queue takes mail by way of qmail-queue(8).
type Queue struct {
	Home    string        // qmail's home directory, in which the program runs
	Program string        // QMAILQUEUE, or vodmr-sendmail; "" is bin/qmail-queue
	Timeout time.Duration // longest wait for one step of it; 0 is DefaultTimeout

	starter *starter.Starter // the process that starts it, see Fork; nil for this one
}

// FindQueue returns the program that takes bounces: the one that QMAILQUEUE names; otherwise
// qmail's own, if the home has it; otherwise vodmr-sendmail, from the folder beside, which is
// that of the program that asks, or from one of paths, in the form of PATH. If there is none,
// the Queue has no Program, and its home no qmail-queue.
func FindQueue(home Home, qmailqueue, beside, paths string) Queue {
	q := Queue{Home: home.dir, Program: qmailqueue}
	if qmailqueue != "" || home.HasQueue() {
		return q
	}
	for _, dir := range append([]string{beside}, strings.Split(paths, ":")...) {
		// The working directory may be a customer's, so a relative folder does not count.
		if program := dir + "/vodmr-sendmail"; strings.HasPrefix(dir, "/") && sys.Access(program, unix.X_OK) == nil {
			q.Program = program
			break
		}
	}
	return q
}

// OwnQueue is FindQueue for this process, by its environment and its program's folder.
func OwnQueue(home Home) Queue {
	self, _ := os.Executable()
	return FindQueue(home, os.Getenv("QMAILQUEUE"), path.Dir(self), os.Getenv("PATH"))
}

// HasQueue reports if qmail's own qmail-queue is there.
func (h Home) HasQueue() bool { return sys.Access(h.Path("bin/qmail-queue"), unix.F_OK) == nil }

// Inject hands one message to qmail-queue. Addresses are raw; sender may be "" or
// `#@[]`. If the error is nil, qmail-queue is responsible for the message from now on. If
// not, nothing was queued, unless qmail-queue lied. Every error is a *QueueError.
func (q Queue) Inject(sender string, recipients []string, message io.Reader) error {
	envelope, err := appendEnvelope(nil, sender, recipients)
	if err != nil {
		return err
	}
	p, err := q.start()
	if err != nil {
		return &QueueError{Text: "qmail-queue cannot be run: " + err.Error(), Err: err}
	}
	defer p.release()
	return p.inject(message, envelope)
}

// appendEnvelope appends `Fsender NUL Trecipient NUL ... NUL`.
func appendEnvelope(dst []byte, sender string, recipients []string) ([]byte, error) {
	if len(recipients) == 0 {
		return nil, &QueueError{Permanent: true, Text: "the envelope has no recipient"}
	}
	letter := byte('F')
	for _, address := range append([]string{sender}, recipients...) {
		if strings.ContainsRune(address, 0) {
			return nil, &QueueError{Permanent: true, Text: "an address holds a NUL"}
		}
		if len(address) > MaxAddress {
			return nil, &QueueError{Permanent: true, Code: 11, Text: codeText(11)}
		}
		dst = append(append(append(dst, letter), address...), 0)
		letter = 'T'
	}
	return append(dst, 0), nil
}

// inject writes both parts and believes the exit code only if all was taken.
func (p *queueProcess) inject(message io.Reader, envelope []byte) error {
	err := p.copyMessage(message)
	if err == nil {
		p.closeFD(&p.message)
		err = p.write(p.envelope, envelope)
	}
	if err != nil && !errors.Is(err, errGone) {
		return queueError(err) // release kills it before it sees the message end
	}
	p.closeFD(&p.message)
	p.closeFD(&p.envelope)
	status, waitErr := p.wait()
	if waitErr != nil {
		return queueError(waitErr)
	}
	if e := p.exitError(status); e != nil {
		return e
	}
	if err != nil {
		return queueError(err)
	}
	return nil
}

// copyMessage writes the message. A reader's error is told from an end.
func (p *queueProcess) copyMessage(message io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := message.Read(buf)
		if werr := p.write(p.message, buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the message cannot be read: %w", err)
		}
	}
}

// A QueueError is the reason if qmail-queue did not take a message.
type QueueError struct {
	Permanent bool
	Code      int    // exit code; 0 if there was none
	Text      string // one line
	Err       error  // the cause, if it is not the program
}

func (e *QueueError) Error() string {
	if e.Code == 0 {
		return e.Text
	}
	return fmt.Sprintf("%s (qmail-queue exit code %d)", e.Text, e.Code)
}

// Unwrap returns the cause.
func (e *QueueError) Unwrap() error { return e.Err }

// queueError makes a temporary error of a cause.
func queueError(err error) error { return &QueueError{Text: err.Error(), Err: err} }

// exitCodeError judges an exit code other than 0: see qmail-queue(8). custom is
// what the program wrote to descriptor 6, which counts for 82 and 88 only: D
// first is permanent, Z is temporary.
func exitCodeError(code int, custom string) *QueueError {
	e := &QueueError{Code: code, Text: codeText(code)}
	e.Permanent = 11 <= code && code <= 40 || code == 115
	if (code == 82 || code == 88) && custom != "" {
		e.Permanent = custom[0] == 'D'
		if text := oneLine(strings.TrimLeft(custom[:1], "DZ") + custom[1:]); text != "" {
			e.Text = text
		}
	}
	return e
}

// oneLine makes text fit for a log line or a reply: printable ASCII.
func oneLine(text string) string {
	return strings.TrimSpace(asciiText(strings.TrimRight(text, "\r\n")))
}

// codeText explains an exit code.
func codeText(code int) string {
	if text, known := codeTexts()[code]; known {
		return text
	}
	if 11 <= code && code <= 40 {
		return "permanent trouble"
	}
	return "temporary trouble"
}

// codeTexts are the meanings of qmail-queue(8), and those of vodmr-sendmail.
func codeTexts() map[int]string {
	const noFile = "a file in the queue could not be made"
	return map[int]string{
		11:  "an address is too long",
		31:  "the message was refused for good",
		51:  "out of memory",
		52:  "timed out",
		53:  "a write failed, the disk may be full",
		54:  "the message or its envelope could not be read to the end",
		55:  "a control file could not be read",
		56:  "no connection for lack of a network",
		61:  "no access to qmail's home directory",
		62:  "no access to the queue directory",
		63:  noFile,
		64:  noFile,
		65:  noFile,
		66:  noFile,
		71:  "the mail server refused the message for now",
		72:  "the connection to the mail server failed",
		73:  "the mail server refused the connection",
		74:  "the connection to the mail server broke",
		81:  "internal error",
		82:  "refused without a reason",
		88:  "refused without a reason",
		91:  "the envelope was not understood",
		115: "an address is too long",
		120: "the program could not be run",
	}
}
