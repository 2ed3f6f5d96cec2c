// Qmail-queue stands in for qmail's program of that name, in tests and in
// scripts/demo. It must be run in the qmail home. It stores each message below queue/
// there, first as NAME.message and then its envelope as NAME.envelope: if there is an
// envelope, the message was taken whole. It sends nothing. It keeps each rule of the
// real program that a caller can see:
//
//   - the message is read from descriptor 0 to its end, and only then the envelope
//     from descriptor 1: "F" sender NUL, "T" recipient NUL for each recipient, NUL;
//   - an envelope that ends early is refused (54), a malformed one as well (91), and
//     an address of 1003 bytes or more too (11);
//   - a Received line is put on top;
//   - it prints nothing: its exit code is the only answer.
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

// The exit codes are those of the real program.
const (
	exitLongAddress = 11
	exitWrite       = 53
	exitRead        = 54
	exitQueue       = 62
	exitSync        = 66
	exitEnvelope    = 91
)

// maxAddress is the length in bytes of the longest address, without its NUL.
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

// A source remembers if reading failed, so that a read error is not mistaken for a
// write error.
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

// seal writes the envelope, one address a line, and gives it its final name in one
// step.
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
