package smtp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Reply is what an SMTP server says to one command (RFC 5321 section 4.2).
// As an error it is a refusal.
type Reply struct {
	Code     int    // 200 to 599
	Enhanced string // RFC 3463, such as "4.7.0"; "" for none
	Lines    []string
}

// NewReply makes a reply of one line.
func NewReply(code int, enhanced, text string) Reply {
	return Reply{Code: code, Enhanced: enhanced, Lines: []string{text}}
}

// Error returns the reply as one line of text.
func (r Reply) Error() string { return r.String() }

// String returns the reply as one line, as for a log.
func (r Reply) String() string {
	if r.Code == 0 {
		return "no reply"
	}
	parts := []string{strconv.Itoa(r.Code)}
	if r.Enhanced != "" {
		parts = append(parts, r.Enhanced)
	}
	if text := strings.Join(r.Lines, " "); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

// Accepted reports if the reply is 2xx.
func (r Reply) Accepted() bool { return r.Code/100 == 2 }

// Temporary reports if the reply is 4xx.
func (r Reply) Temporary() bool { return r.Code/100 == 4 }

// Permanent reports if the reply is 5xx.
func (r Reply) Permanent() bool { return r.Code/100 == 5 }

// Refused reports if the reply is 4xx or 5xx.
func (r Reply) Refused() bool { return r.Temporary() || r.Permanent() }

// Closing reports if the server hangs up: 421 may come at any time
// (RFC 5321 section 3.8).
func (r Reply) Closing() bool { return r.Code == 421 }

// AboutCommand reports if the reply is about the command's form rather than
// the mail: 500 to 504 (RFC 5321 section 4.2.2), and 555, by which some servers
// refuse parameters that they offer (section 4.1.1.11).
func (r Reply) AboutCommand() bool { return 500 <= r.Code && r.Code <= 504 || r.Code == 555 }

// keptLines is how many lines of a reply are kept until its transaction is over.
const keptLines = 20

// short returns the reply with its first lines only: hundreds may be kept at
// once, and what they say is up to the server.
func (r Reply) short() Reply {
	if len(r.Lines) > keptLines {
		r.Lines = slices.Clone(r.Lines[:keptLines])
	}
	return r
}

// AppendTo appends the reply as it goes over the line. A reply without text is a
// line all the same: the peer waits for one.
func (r Reply) AppendTo(dst []byte) []byte {
	if len(r.Lines) == 0 {
		r.Lines = []string{""}
	}
	// Text that repeats what a peer said must not become a reply of its own.
	oneLine := strings.NewReplacer("\r", " ", "\n", " ")
	for i, text := range r.Lines {
		dst = strconv.AppendInt(dst, int64(r.Code), 10)
		if i < len(r.Lines)-1 {
			dst = append(dst, '-')
		} else {
			dst = append(dst, ' ')
		}
		if r.Enhanced != "" {
			dst = append(append(dst, r.Enhanced...), ' ')
		}
		dst = append(append(dst, oneLine.Replace(text)...), '\r', '\n')
	}
	return dst
}

// ErrNotSMTP is returned for bytes that are no SMTP reply.
var ErrNotSMTP = errors.New("not an SMTP reply")

const (
	maxReplyLine = 4096     // bytes; RFC 5321 section 4.5.3.1.5 allows 512
	maxReply     = 1 << 20  // bytes of one reply, all lines; it may have any number of them
	keptReply    = 64 << 10 // bytes of its first lines, which are kept
)

// A ReplyParser puts replies together from bytes as they arrive. Its memory is
// bounded whatever the server sends.
type ReplyParser struct {
	buf    []byte
	lines  []string
	code   int
	length int
}

// Feed adds bytes that were read.
func (p *ReplyParser) Feed(b []byte) { p.buf = append(p.buf, b...) }

// Partial reports if a reply has begun that is not complete.
func (p *ReplyParser) Partial() bool { return len(p.buf) > 0 || len(p.lines) > 0 }

// Next returns the next complete reply; ok is false if more bytes are
// needed. After an error the connection is out of step and must not be used.
func (p *ReplyParser) Next() (r Reply, ok bool, err error) {
	for {
		i := bytes.IndexByte(p.buf, '\n')
		if i < 0 {
			if len(p.buf) > maxReplyLine+len("\r") {
				return r, false, fmt.Errorf("%w: a line of over %d bytes", ErrNotSMTP, maxReplyLine)
			}
			return r, false, nil
		}
		line := bytes.TrimSuffix(p.buf[:i], []byte("\r"))
		last, err := p.add(line)
		p.buf = p.buf[:copy(p.buf, p.buf[i+1:])]
		if err != nil {
			return r, false, err
		}
		if last {
			r = newReply(p.code, p.lines)
			p.lines, p.code, p.length = nil, 0, 0
			return r, true, nil
		}
	}
}

// add takes one line and reports if it was the reply's last.
func (p *ReplyParser) add(line []byte) (last bool, err error) {
	if len(line) > maxReplyLine {
		return false, fmt.Errorf("%w: a line of over %d bytes", ErrNotSMTP, maxReplyLine)
	}
	code, text, last, ok := splitReplyLine(line)
	if !ok {
		return false, fmt.Errorf("%w: %q", ErrNotSMTP, line[:min(len(line), 60)])
	}
	if len(p.lines) > 0 && code != p.code {
		return false, fmt.Errorf("%w: a reply of lines with the codes %d and %d", ErrNotSMTP, p.code, code)
	}
	if p.length += len(line) + 2; p.length > maxReply {
		return false, fmt.Errorf("%w: a reply of over %d bytes", ErrNotSMTP, maxReply)
	}
	p.code = code
	if p.length <= keptReply {
		p.lines = append(p.lines, string(text))
	}
	return last, nil
}

// splitReplyLine takes apart "250-text", "250 text" or "250".
func splitReplyLine(line []byte) (code int, text []byte, last, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !isDigit(line[1]) || !isDigit(line[2]) {
		return 0, nil, false, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	if len(line) == 3 {
		return code, nil, true, true
	}
	return code, line[4:], line[3] == ' ', line[3] == ' ' || line[3] == '-'
}

// newReply takes the enhanced code off each line (RFC 2034 section 4).
func newReply(code int, lines []string) Reply {
	r := Reply{Code: code, Lines: lines}
	r.Enhanced = enhancedCode(code, lines[0])
	if r.Enhanced == "" {
		return r
	}
	for i, text := range lines {
		if word, rest, _ := strings.Cut(text, " "); word == r.Enhanced {
			lines[i] = rest
		}
	}
	return r
}

// enhancedCode returns the class.subject.detail that text starts with, if
// its class is the code's.
func enhancedCode(code int, text string) string {
	word, _, _ := strings.Cut(text, " ")
	class, rest, _ := strings.Cut(word, ".")
	subject, detail, _ := strings.Cut(rest, ".")
	if class != strconv.Itoa(code/100) || !isShortNumber(subject) || !isShortNumber(detail) {
		return ""
	}
	return word
}

// isShortNumber reports if s is one to three digits (RFC 3463 section 2).
func isShortNumber(s string) bool {
	return 1 <= len(s) && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
