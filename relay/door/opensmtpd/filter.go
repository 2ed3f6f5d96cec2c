// Package opensmtpd owns OpenSMTPD's filter protocol (smtpd-filters(7)), as far as one needs
// it to refuse recipients: a line for each question, and one for each answer, in any order.
package opensmtpd

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"

	"vodmr/internal/address"
)

const (
	maxLine  = 8 << 10 // bytes
	maxAsked = 100     // questions at a time; the next is read once one of them is answered
	fields   = 8       // of a question: the last is the address
)

// errLong is an error of Serve.
var errLong = errors.New("a line of over 8192 bytes: that is not OpenSMTPD")

// Serve answers questions until the end of the input, many at a time: one that waits must not
// make others wait. refuse reports if a recipient is to be refused, and in which words; raw
// is the address without quotes. It is called by several goroutines. All are answered before
// Serve returns.
func Serve(in io.Reader, out io.Writer, refuse func(raw string) (words string, refuse bool)) error {
	r := bufio.NewReaderSize(in, maxLine)
	s := &server{out: out}
	places := make(chan struct{}, maxAsked)
	var asked sync.WaitGroup
	defer asked.Wait()
	for {
		line, err := r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return errLong
		}
		if err == io.EOF && len(line) == 0 {
			asked.Wait()
			return s.err
		}
		if err != nil {
			return err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "config|ready" {
			s.say("register|filter|smtp-in|rcpt-to\nregister|ready\n")
		}
		question := strings.SplitN(text, "|", fields)
		if len(question) < fields || question[0] != "filter" || question[4] != "rcpt-to" {
			continue
		}
		places <- struct{}{}
		asked.Go(func() {
			s.answer(question, refuse)
			<-places
		})
	}
}

type server struct {
	mu  sync.Mutex
	out io.Writer
	err error // of writing
}

func (s *server) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		_, s.err = io.WriteString(s.out, text)
	}
}

// answer answers one question. The session and its token are said as they came: their order
// has changed between versions.
func (s *server) answer(question []string, refuse func(string) (string, bool)) {
	raw := strings.TrimSuffix(strings.TrimPrefix(question[7], "<"), ">")
	verdict := "proceed"
	if words, is := refuse(address.Unquote(raw)); is {
		verdict = "reject|550 5.1.1 " + words
	}
	s.say("filter-result|" + question[5] + "|" + question[6] + "|" + verdict + "\n")
}
