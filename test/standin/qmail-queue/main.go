// Qmail-queue stands in for qmail's program of that name, in tests and in
// scripts/demo. Run in the qmail home, it keeps what it takes below queue/ there:
// NAME.message and then NAME.envelope, so that a message with an envelope was
// taken whole. It sends nothing. Each rule of the real one that a caller can see
// is kept:
//
//   - the message is read from descriptor 0 to its end, only then the envelope,
//     "F" sender NUL, "T" recipient NUL for each recipient, NUL, from descriptor 1;
//   - an envelope that ends early is not taken (54), nor a malformed one (91),
//     nor an address of 1003 bytes or more (11);
//   - a Received line goes on top;
//   - it is silent, and its exit code says everything.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// The exit codes are the real one's.
const (
	exitLongAddress = 11
	exitWrite       = 53
	exitRead        = 54
	exitQueue       = 62
	exitSync        = 66
	exitEnvelope    = 91
)

// maxAddress is the longest address in bytes, less its NUL.
const maxAddress = 1002

// A failure is an exit code.
type failure int

func (f failure) Error() string { return fmt.Sprintf("exit %d", int(f)) }

func main() {
	err := take(os.Stdin, os.Stdout, "queue")
	var f failure
	if errors.As(err, &f) {
		os.Exit(int(f))
	}
}

// take puts one message and its envelope into the folder queue.
func take(message, envelope io.Reader, queue string) error {
	file, err := os.CreateTemp(queue, "*.tmp")
	if err != nil {
		return failure(exitQueue)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := store(file, message); err != nil {
		return err
	}
	addresses, err := readEnvelope(envelope)
	if err != nil {
		return err
	}
	name := file.Name()[:len(file.Name())-len(".tmp")]
	if os.Link(file.Name(), name+".message") != nil {
		return failure(exitSync)
	}
	return seal(name, addresses)
}

// store writes the message below a Received line.
func store(file *os.File, message io.Reader) error {
	now := time.Now().UTC().Format("2 Jan 2006 15:04:05 -0000")
	_, err := fmt.Fprintf(file, "Received: (qmail %d invoked by uid %d); %s\n", os.Getpid(), os.Getuid(), now)
	if err != nil {
		return failure(exitWrite)
	}
	in := &source{Reader: message}
	_, err = io.Copy(file, in)
	switch {
	case in.failed:
		return failure(exitRead)
	case err != nil:
		return failure(exitWrite)
	}
	return nil
}

// A source remembers whether reading failed, so that a read error is not taken
// for a write error.
type source struct {
	io.Reader
	failed bool
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.failed = err != nil && err != io.EOF
	return n, err
}

// readEnvelope reads the sender and the recipients, each with its letter and NUL.
func readEnvelope(envelope io.Reader) ([]byte, error) {
	in := bufio.NewReader(envelope)
	var all []byte
	for letter := byte('F'); ; letter = 'T' {
		entry, err := in.ReadBytes(0)
		switch {
		case err != nil:
			return nil, failure(exitRead)
		case len(entry) == 1 && letter == 'T':
			return all, nil
		case entry[0] != letter:
			return nil, failure(exitEnvelope)
		case len(entry)-len("F\x00") > maxAddress:
			return nil, failure(exitLongAddress)
		}
		all = append(all, entry...)
	}
}

// seal writes the envelope, one address a line, under its last name at once.
func seal(name string, addresses []byte) error {
	lines := bytes.ReplaceAll(addresses, []byte{0}, []byte{'\n'})
	if os.WriteFile(name+".envelope.tmp", lines, 0o644) != nil {
		return failure(exitWrite)
	}
	if os.Rename(name+".envelope.tmp", name+".envelope") != nil {
		return failure(exitSync)
	}
	return nil
}
