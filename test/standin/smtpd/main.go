// Smtpd stands in for qmail-smtpd in tests, and knows BDAT in addition. It
// keeps each rule that a program around it can see:
//
//   - descriptor 0 is the client's side, 1 its own; replies wait until it has to read;
//   - a message counts as taken once the end of its content has come, and is answered then;
//   - if the client ends in a message, that message is gone, and the exit code is 1;
//   - QUIT is answered, and the exit code is 0.
//
// A message that it took becomes N.message in the folder $STANDIN_SMTPD, N being 1 for the
// first: its recipients, one a line, an empty line, and its content as it came. Each reply
// to a command repeats the command, so that a test can tell one reply from another.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

func main() {
	os.Exit((&server{in: bufio.NewReader(os.Stdin), folder: os.Getenv("STANDIN_SMTPD")}).run())
}

// A server is one session.
type server struct {
	in         *bufio.Reader
	folder     string
	out        strings.Builder // replies that wait
	mail       bool
	recipients []string
	content    strings.Builder // of BDAT
	taken      int
}

// run returns the exit code.
func (s *server) run() int {
	s.say("220 smtpd")
	for {
		line, err := s.line()
		if err != nil {
			return 1
		}
		if err = s.command(line); err == io.EOF {
			s.flush()
			return 0
		}
		if err != nil {
			return 1
		}
	}
}

func (s *server) say(reply string) { s.out.WriteString(reply + "\r\n") }

func (s *server) flush() {
	_, _ = io.WriteString(os.Stdout, s.out.String())
	s.out.Reset()
}

// line reads a line, with its end taken off.
func (s *server) line() (string, error) {
	if s.in.Buffered() == 0 {
		s.flush()
	}
	line, err := s.in.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// command answers one command. The error is io.EOF after QUIT.
func (s *server) command(line string) error {
	verb, args, _ := strings.Cut(line, " ")
	switch verb {
	case "EHLO":
		s.say("250-smtpd\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 " + line)
	case "MAIL":
		s.mail = true
		s.say("250 " + line)
	case "RCPT":
		s.recipients = append(s.recipients, args)
		s.say("250 " + line)
	case "DATA":
		return s.data(line)
	case "BDAT":
		return s.bdat(line, strings.Fields(args))
	case "QUIT":
		s.say("221 " + line)
		return io.EOF
	default:
		s.say("500 " + line)
	}
	return nil
}

// data takes a message up to its dot.
func (s *server) data(line string) error {
	if !s.mail || len(s.recipients) == 0 {
		s.say("503 " + line)
		return nil
	}
	s.say("354 " + line)
	for {
		line, err := s.line()
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		if line == "." {
			return s.take()
		}
		s.content.WriteString(line + "\r\n")
	}
}

// bdat takes the octets of one BDAT.
func (s *server) bdat(line string, args []string) error {
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if s.in.Buffered() < size {
		s.flush()
	}
	octets := make([]byte, size)
	if _, err := io.ReadFull(s.in, octets); err != nil {
		return io.ErrUnexpectedEOF
	}
	if !s.mail || len(s.recipients) == 0 {
		s.say("503 " + line)
		return nil
	}
	s.content.Write(octets)
	if len(args) > 1 {
		return s.take()
	}
	s.say("250 " + line)
	return nil
}

// take makes the message a file, whole or not at all.
func (s *server) take() error {
	s.taken++
	path := fmt.Sprintf("%s/%d.message", s.folder, s.taken)
	text := strings.Join(s.recipients, "\n") + "\n\n" + s.content.String()
	if err := os.WriteFile(path+".part", []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	s.say(fmt.Sprintf("250 taken %d", s.taken))
	s.mail, s.recipients = false, nil
	s.content.Reset()
	return nil
}
