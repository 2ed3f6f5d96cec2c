package filter

import (
	"bytes"

	"vodmr/internal/address"
)

// replies takes the server's bytes apart.
type replies struct {
	line  []byte // the start of a line without its end
	long  bool   // more of it was passed on
	open  bool   // a reply has begun that is not complete
	stray bool   // that reply is to no command
}

// FromServer takes bytes of the server.
func (d *Dialogue) FromServer(p []byte) (toClient, toServer []byte) {
	for len(p) > 0 {
		if d.stage == stageBlind {
			toClient = append(append(toClient, d.replies.line...), p...)
			d.replies.line = nil
			break
		}
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 {
			return d.partial(toClient, p), toServer
		}
		line := append(d.replies.line, p[:n]...)
		p, d.replies.line = p[n:], nil
		toClient = append(toClient, line...)
		if !d.replies.long {
			d.reply(line)
			toClient = d.sayOurs(toClient)
		}
		d.replies.long = false
	}
	more, ours := d.advance()
	return append(toClient, ours...), append(toServer, more...)
}

// partial holds the start of a line, unless it is very long.
func (d *Dialogue) partial(toClient, p []byte) []byte {
	d.replies.line = append(d.replies.line, p...)
	if len(d.replies.line) < maxLine {
		return toClient
	}
	toClient = append(toClient, d.replies.line...)
	if !d.replies.long {
		d.reply(d.replies.line)
	}
	d.replies.line, d.replies.long = nil, true
	return toClient
}

// ServerEnded returns the rest of the server's bytes. Refusals of ours that stand behind
// replies that never came are not said.
func (d *Dialogue) ServerEnded() (toClient []byte) {
	toClient, d.replies.line = d.replies.line, nil
	return toClient
}

// reply takes one line of a reply (RFC 5321 section 4.2).
func (d *Dialogue) reply(line []byte) {
	code, last := replyLine(line)
	if d.replies.stray || !d.replies.open && len(d.expected) == 0 {
		d.replies.open, d.replies.stray = !last, !last
		return
	}
	if len(d.expected) > 0 && d.expected[0].verb == "EHLO" && len(line) > 4 {
		word, _, _ := bytes.Cut(bytes.TrimRight(line[4:], "\r\n"), []byte(" "))
		d.chunking = d.chunking || address.Upper(string(word)) == "CHUNKING"
	}
	d.replies.open = !last
	if last && len(d.expected) > 0 {
		e := d.expected[0]
		d.expected = d.expected[:copy(d.expected, d.expected[1:])]
		d.answered(e, code)
	}
}

// replyLine is the first digit of a line's code, and whether the line is the last of its
// reply. A line without a code is.
func replyLine(line []byte) (class byte, last bool) {
	if len(line) < 3 {
		return 0, true
	}
	return line[0], len(line) < 4 || line[3] != '-'
}

// answered says what a reply means for the bytes behind its command.
func (d *Dialogue) answered(e expected, class byte) {
	switch e.verb {
	case "MAIL":
		d.mail = d.mail || class == '2'
	case "HELO", "EHLO", "RSET":
		d.mail = d.mail && class != '2'
	case ".":
		d.mail = false
	case "BDAT":
		d.mail = d.mail && !e.last
	case "RCPT", "NOOP", "VRFY", "EXPN", "HELP", "QUIT", "":
	default:
		d.resume(e.verb, class)
	}
}

// resume goes on behind a command that the client's next bytes depended on.
func (d *Dialogue) resume(verb string, class byte) {
	d.stage = stageCommand
	switch {
	case verb == "DATA" && class == '3':
		d.stage, d.dot = stageData, len("\r\n")
	case verb == "AUTH" && class == '3':
		d.stage = stageLine
	case verb == "STARTTLS" && class == '2':
		d.blind("the server has begun TLS itself: put TLS in front of vodmr-rcpt")
	case class == '3':
		d.blind("the client used a command that is not known here: " + verb)
	}
}

func (d *Dialogue) blind(why string) {
	d.stage, d.expected = stageBlind, nil
	d.Blind(why)
}

// sayOurs says the refusals of ours that are due.
func (d *Dialogue) sayOurs(toClient []byte) []byte {
	for len(d.expected) > 0 && d.expected[0].ours != "" && !d.replies.open {
		reply := "503 5.5.1 say MAIL first\r\n"
		if d.mail {
			reply = "550 5.1.1 " + d.expected[0].ours + "\r\n"
		}
		toClient = append(toClient, reply...)
		d.expected = d.expected[:copy(d.expected, d.expected[1:])]
	}
	return toClient
}
