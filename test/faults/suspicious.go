package main

import (
	"net"
	"strings"
	"time"

	"vodmr/maildir"
)

// noted returns how often in a row each message broke a session, by its file, as the
// last session wrote it into vodmr.notes when it began; that session may still be
// running. If suspectsTurn is not 0, that session gave a message with so many breaks
// its turn at its normal place.
func (s *site) noted() (breaks map[string]int, suspectsTurn int, err error) {
	box, err := maildir.Open(s.home, "Maildir")
	if err != nil {
		return nil, 0, err
	}
	defer box.Close()
	notes, err := box.OpenNotes(time.Now)
	if err != nil {
		return nil, 0, err
	}
	defer notes.Close()
	breaks = make(map[string]int)
	for _, m := range s.messages {
		if n := notes.Of(m.file).Breaks; n > 0 {
			breaks[m.file] = n
		}
	}
	return breaks, notes.Due(), nil
}

// suspicious checks how a poison message is offered after it broke two sessions in a
// row: only if nothing else waits but messages that broke as many sessions or more;
// one command at a time; and without extensions.
func (p *poisonedSite) suspicious(this *message, stage string) {
	breaks, suspectsTurn, err := p.noted()
	if err != nil {
		p.trial.broken = err
		return
	}
	if breaks[this.file] < alone {
		return
	}
	early := breaks[this.file] == suspectsTurn
	there, err := p.waiting()
	if err != nil {
		p.trial.broken = err
		return
	}
	for _, m := range p.messages {
		if !early && there[m.file] && breaks[m.file] < breaks[this.file] {
			p.fail("%s broke %d sessions, and was offered before %s, which broke %d",
				this.from, breaks[this.file], m.to, breaks[m.file])
		}
	}
	last := map[string]string{
		"mail":    "\r\nMAIL FROM:<" + this.from + ">\r\n",
		"rcpt":    "\r\nRCPT TO:<" + this.to + ">\r\n",
		"content": "\r\n.\r\n",
	}[stage]
	if !strings.HasSuffix(p.tail.text, last) {
		p.fail("%s broke %d sessions, and was not offered in lock step: ...%q", this.from, breaks[this.file], p.tail.text)
	}
}

// A tail is a connection that remembers the end of the text read from it.
type tail struct {
	net.Conn
	text string
}

const tailMax = 500

func (t *tail) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.text += string(b[:n])
	t.text = t.text[max(0, len(t.text)-tailMax):]
	return n, err
}
