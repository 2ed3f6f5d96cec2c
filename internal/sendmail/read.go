package sendmail

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
	"vodmr/internal/sys"
)

// copyMessage copies a message to a file, up to its end.
func (m Mailer) copyMessage(file, message int) error {
	return m.read(message, "the message", func(piece []byte) error {
		if err := fdio.WriteAll(file, piece); err != nil {
			return &Failure{Code: CodeWrite, Text: "the temporary file cannot be written; is the disk of " + m.Folder + " full?", Err: err}
		}
		return nil
	})
}

// readEnvelope reads an envelope up to its end.
func (m Mailer) readEnvelope(envelope int) (string, error) {
	var text strings.Builder
	err := m.read(envelope, "the envelope", func(piece []byte) error {
		if text.Len()+len(piece) > maxEnvelope {
			return &Failure{Code: CodeMemory, Text: "the envelope has more recipients than a command line takes"}
		}
		text.Write(piece)
		return nil
	})
	return text.String(), err
}

// read hands on what a descriptor has, piece by piece. Its writer may be silent for the
// timeout.
func (m Mailer) read(fd int, what string, take func(piece []byte) error) error {
	buf := make([]byte, 32<<10)
	for {
		if !fdio.Readable(time.Now().Add(m.Timeout), fd) {
			return &Failure{Code: CodeTimeout, Text: what + " did not come to its end in time"}
		}
		n, err := sys.Read(fd, buf)
		if err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return &Failure{Code: CodeRead, Text: what + " cannot be read", Err: err}
		}
		if n == 0 {
			return nil
		}
		if err := take(buf[:n]); err != nil {
			return err
		}
	}
}
