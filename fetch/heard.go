package fetch

import (
	"bytes"
	"strconv"
	"strings"

	"vodmr/smtp"
)

// A listener puts the receiving side's replies together. It takes what no
// smtp.ReplyParser would, as it only looks on, and keeps little of it: the text of 4xx and
// 5xx. The code is 0 for what is no reply.
type listener struct {
	line  lineStart
	lines []string // of an unfinished refusal
}

// Bounds of what a listener keeps of a reply.
const (
	heardLine  = 512 // bytes (RFC 5321 section 4.5.3.1.5)
	heardLines = 4
)

// feed takes the next bytes up to a line's end. ok says that a reply is complete; n is
// how many bytes it took.
func (l *listener) feed(p []byte) (r smtp.Reply, ok bool, n int) {
	line, whole, n := l.line.feed(p, heardLine)
	if !whole {
		return r, false, n
	}
	line = strings.TrimRight(line, "\r")
	if line != "" && (line[0] == '4' || line[0] == '5') && len(l.lines) < heardLines {
		l.lines = append(l.lines, line)
	}
	if len(line) >= 4 && line[3] == '-' {
		return r, false, n
	}
	r = refusalOf(l.lines)
	r.Code, l.lines = replyCode(line), nil
	return r, true, n
}

func replyCode(line string) int {
	code, err := strconv.ParseUint(line[:min(3, len(line))], 10, 16)
	if err != nil || code < 200 || code > 599 {
		return 0
	}
	return int(code)
}

// refusalOf takes the lines of a refusal apart, if that is possible.
func refusalOf(lines []string) smtp.Reply {
	var parser smtp.ReplyParser
	for i, line := range lines {
		between := "-"
		if i == len(lines)-1 {
			between = " "
		}
		parser.Feed([]byte(line[:min(3, len(line))] + between + line[min(4, len(line)):] + "\r\n"))
	}
	if r, ok, err := parser.Next(); ok && err == nil {
		return r
	}
	return smtp.Reply{Lines: lines}
}

// A lineStart is the start of a line that is not complete.
type lineStart struct{ text []byte }

// feed takes the next bytes up to a line's end, n of them. A line that is whole is returned
// without that end, or its first bytes up to the limit.
func (l *lineStart) feed(p []byte, limit int) (line string, whole bool, n int) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		l.text = appendStart(l.text, p, limit)
		return "", false, len(p)
	}
	line = string(appendStart(l.text, p[:end], limit))
	l.text = l.text[:0]
	return line, true, end + 1
}

// appendStart appends p to dst, up to limit bytes in all.
func appendStart(dst, p []byte, limit int) []byte {
	return append(dst, p[:min(len(p), limit-len(dst))]...)
}
