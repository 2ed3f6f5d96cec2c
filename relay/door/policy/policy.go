// Package policy owns Postfix's policy delegation protocol (SMTPD_POLICY_README): requests
// of name=value lines that end with an empty one, and one action for each.
package policy

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

const (
	maxLine    = 8 << 10 // bytes
	maxRequest = 200     // lines; Postfix sends some forty
)

// Errors of Serve.
var (
	errLong  = errors.New("a line of over 8192 bytes: that is not Postfix")
	errLines = errors.New("a request of over 200 lines: that is not Postfix")
	errForm  = errors.New("a line without =: that is not Postfix")
)

// Serve answers requests until the end of the input. refuse reports if a recipient is to be
// refused, and in which words; raw is the address without quotes. The error is nil at an end
// between two requests.
func Serve(in io.Reader, out io.Writer, refuse func(raw string) (words string, refuse bool)) error {
	r := bufio.NewReaderSize(in, maxLine)
	for {
		request, err := read(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := io.WriteString(out, "action="+action(request, refuse)+"\n\n"); err != nil {
			return err
		}
	}
}

// A request has the attributes that count here.
type request struct{ state, recipient string }

func action(q request, refuse func(string) (string, bool)) string {
	if q.recipient != "" && (q.state == "RCPT" || q.state == "VRFY") {
		if words, is := refuse(q.recipient); is {
			return "550 5.1.1 " + words
		}
	}
	return "DUNNO"
}

// read reads a request. The error is io.EOF if there is none.
func read(r *bufio.Reader) (q request, err error) {
	for lines := 0; ; lines++ {
		line, err := readLine(r)
		if err == io.EOF && (lines > 0 || line != "") {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && lines >= maxRequest {
			err = errLines
		}
		if err != nil || line == "" {
			return q, err
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return q, errForm
		}
		switch name {
		case "protocol_state":
			q.state = value
		case "recipient":
			q.recipient = value
		}
	}
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		return "", errLong
	}
	return strings.TrimRight(string(line), "\r\n"), err
}
