package check

import (
	"fmt"
	"strings"
	"time"

	"vodmr/maildir"
	"vodmr/relay/spool"
)

const (
	noReceived kind = "wrong | has mail without a Received below the mail server's own lines | let the mail server write it: without it no message is sent, as its envelope may be forged"
	noEnvelope kind = "wrong | has mail with an envelope that vodmr-relay cannot read | see if VODMR_MTA names the mail server that fills this Maildir; the reason says which line is missing"
)

// sampled is how many of the latest messages are looked at.
const sampled = 20

// checkEnvelopes reads the envelopes of the latest messages as vodmr-relay would, for a front
// with another mail server than qmail.
func checkEnvelopes(b *openBox, r *report) {
	if b.m.agent() == "qmail" {
		return
	}
	list, err := b.box.Scan(time.Now().Add(b.site.look))
	if err != nil {
		return // the check of waiting mail says it
	}
	defer list.Close()
	var latest []maildir.Entry
	for e, ok := list.Next(); ok; e, ok = list.Next() {
		latest = append(latest, e)
		latest = latest[max(len(latest)-sampled, 0):]
	}
	box, err := b.m.openSpool()
	if err != nil {
		return // said elsewhere
	}
	defer box.Close()
	judgeEnvelopes(b, r, box, latest)
}

func judgeEnvelopes(b *openBox, r *report, box *spool.Mailbox, latest []maildir.Entry) {
	bad, example := 0, ""
	for _, e := range latest {
		if w, there := box.Read(e); there && w.Err != nil {
			bad, example = bad+1, w.File+": "+w.Err.Error()
		}
	}
	if bad == 0 {
		return
	}
	detail := fmt.Sprintf("%d of the latest %d, such as %s", bad, len(latest), example)
	if strings.Contains(example, "has no Received") { // package maildir says so
		r.say(b.dir, noReceived, detail)
	} else {
		r.say(b.dir, noEnvelope, detail)
	}
}

// openSpool opens the Maildir as the administrator's programs do.
func (m *mailbox) openSpool() (*spool.Mailbox, error) {
	return spool.OpenMailbox(spool.Config{
		Site: m.site.grantSite(), Login: m.login, Home: m.home, Maildir: m.site.maildir(), Now: time.Now, Environ: m.site.environ(m.agent()),
	})
}
