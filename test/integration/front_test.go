package integration

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/mtafront"
)

// A destination is what becomes of a message.
type destination int

const (
	// toCustomer: the customer's server takes it once, for each recipient.
	toCustomer destination = iota
	// toSender: the customer's server refuses it, and vodmr returns it through the front.
	toSender
	// toPostmaster: the same, but it came from nobody, so the front's postmaster gets it.
	toPostmaster
	// notTaken: the front itself refuses it while the sender's server is still there.
	notTaken
	// returnedByFront: the front takes it, but cannot deliver it, and returns it itself.
	returnedByFront
)

// An expected is what becomes of one message at one front.
type expected struct {
	destination  destination
	why          string // for what differs from the usual
	transactions int    // with the customer's server; 0 for one
	// lacks are lines of the sender's header that the front takes out.
	lacks []string
}

// usual is the table for a front without peculiarities: the fourteen messages.
func usual() map[string]expected {
	return map[string]expected{
		"plain":                     {destination: toCustomer},
		"three recipients":          {destination: toCustomer},
		"null sender":               {destination: toCustomer},
		"quoted recipient":          {destination: toCustomer},
		"quoted sender":             {destination: toCustomer},
		"unknown user":              {destination: toSender},
		"upper case":                {destination: toCustomer},
		"forged lines":              {destination: toCustomer},
		"UTF-8":                     {destination: toCustomer},
		"alias domain":              {destination: toCustomer},
		"extension":                 {destination: toCustomer},
		"null sender, unknown user": {destination: toPostmaster},
		"8-bit":                     {destination: toCustomer},
		"12 MB":                     {destination: toCustomer},
	}
}

// with is the usual table with exceptions.
func with(exceptions map[string]expected) map[string]expected {
	table := usual()
	for name, e := range exceptions {
		table[name] = e
	}
	return table
}

var (
	postfixTable = with(map[string]expected{
		"forged lines": {why: "cleanup(8) takes a Return-Path out", lacks: []string{"Return-Path"}},
	})
	forwardTable = with(map[string]expected{
		"forged lines":     postfixTable["forged lines"],
		"three recipients": {why: "each copy has a Received of its own, as it was forwarded", transactions: 3},
	})
	eximTable = with(map[string]expected{
		"forged lines": {why: "Exim takes out the lines that its transports write", lacks: []string{"Return-Path", "Envelope-to"}},
	})
	opensmtpdTable = with(map[string]expected{
		"quoted recipient": {destination: notTaken, why: "OpenSMTPD refuses a quoted local part with a blank: 501 5.1.3"},
		"quoted sender":    {destination: notTaken, why: "OpenSMTPD refuses a quoted local part with a blank: 553 5.1.0"},
		"UTF-8":            {destination: notTaken, why: "OpenSMTPD has no SMTPUTF8: 501 5.1.3"},
	})
	dovecotTable = with(map[string]expected{
		"forged lines":     postfixTable["forged lines"],
		"three recipients": {why: "Dovecot writes a Received of its own into each copy, so they differ", transactions: 3},
		"UTF-8":            {destination: returnedByFront, why: "Dovecot's LMTP has no SMTPUTF8, so Postfix returns it: 5.6.7"},
	})
)

// frontTables has the table of each front, by its ID.
var frontTables = map[string]map[string]expected{
	"postfix-virtual": postfixTable,
	"postfix-maps":    postfixTable,
	"postfix-aliases": postfixTable,
	"postfix-luser":   postfixTable,
	"postfix-forward": forwardTable,
	"exim":            eximTable,
	"opensmtpd":       opensmtpdTable,
	"dovecot":         dovecotTable,
}

// vodmr-check finds each front well, and each message that the front takes ends in one way:
// the customer's server takes it once, with the envelope that the sender's server named and
// the bytes that the front stored, or it is returned once.
func TestFronts(t *testing.T) {
	t.Parallel()
	for _, kind := range mtafront.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := startFront(t, kind)
			run := &frontRun{frontSite: f, table: frontTables[kind.ID], mails: frontMails(), customer: startCustomer(t)}
			f.examine(t)
			run.send(t)
			run.stored = f.storedContents(t)
			run.fetch(t)
			run.settle(t)
		})
	}
}

// A frontRun is one front with its fourteen messages.
type frontRun struct {
	*frontSite
	table    map[string]expected
	mails    []frontMail
	customer *frontCustomer
	stored   map[string][]string // see storedContents
}

// send hands all messages to the front and waits until it has delivered them.
func (r *frontRun) send(t *testing.T) {
	t.Helper()
	files := 0
	for _, m := range r.mails {
		replies, err := mtafront.Send(r.Port, m.Mail)
		want, said := r.table[m.name], fmt.Sprint(replies, err)
		if taken := err == nil && len(replies) == len(m.To)+1; taken == (want.destination == notTaken) {
			t.Errorf("%s: the front says %s, want %+v", m.name, said, want)
		}
		if _, reply, ok := strings.Cut(want.why, ": "); want.destination == notTaken && ok && !strings.Contains(said, reply) {
			t.Errorf("%s: the front says %s, want %s", m.name, said, reply)
		}
		if want.destination <= toPostmaster {
			files += len(m.To)
		}
	}
	new := filepath.Join(r.Maildir(), "new")
	eventually(t, sessionLimit, "the front delivers what it took", func() bool { return r.Idle() && len(names(t, new)) >= files })
	if got := len(names(t, new)); got != files {
		t.Errorf("the Maildir has %d files, want %d", got, files)
	}
}

// fetch makes two visits. Nothing waits at the second.
func (r *frontRun) fetch(t *testing.T) {
	t.Helper()
	p := r.listen(t)
	if code, output := r.site.atrn(t, p, "-s", "127.0.0.1:"+r.customer.port); code != 0 {
		t.Errorf("atrn exits %d: %s", code, output)
	}
	r.site.ended(t)
	if code, output := r.site.atrn(t, p, "-s", "127.0.0.1:"+r.customer.port); code != 0 || !strings.Contains(output, "nothing waits") {
		t.Errorf("the second visit exits %d: %s", code, output)
	}
	for _, sub := range []string{"new", "cur"} {
		if left := names(t, filepath.Join(r.Maildir(), sub)); len(left) > 0 {
			t.Errorf("%s still holds %q", sub, left)
		}
	}
}

// settle holds what became of each message against the table.
func (r *frontRun) settle(t *testing.T) {
	t.Helper()
	took := make(map[string][]taken)
	for _, one := range r.customer.all() {
		took[id(one.content)] = append(took[id(one.content)], one)
	}
	returns := r.waitForReturns(t)
	for n, m := range r.mails {
		want, number := r.table[m.name], fmt.Sprint(n)
		if want.destination == toCustomer {
			r.arrived(t, m, want, took[number])
			delete(took, number)
		}
		got := returnedTo(returns, m)
		if (want.destination == toCustomer || want.destination == notTaken) != (got == "") || want.destination != toCustomer && got != want.receiver() {
			t.Errorf("%s: the notices went to %q, want %q %s", m.name, got, want.receiver(), want.why)
		}
	}
	for _, list := range took {
		t.Errorf("the customer's server took what it should not: %.500q", list)
	}
}

// receiver is the address that a notice goes to; "" for no notice.
func (e expected) receiver() string {
	switch e.destination {
	case toSender, returnedByFront:
		return "ann@" + mtafront.SenderDomain
	case toPostmaster:
		return "postmaster@" + mtafront.Host
	}
	return ""
}

// waitForReturns waits until the front has delivered as many notices as there must be.
func (r *frontRun) waitForReturns(t *testing.T) []returned {
	t.Helper()
	want := 0
	for _, e := range r.table {
		if e.receiver() != "" {
			want++
		}
	}
	eventually(t, time.Minute, fmt.Sprintf("%d notices reach their mailbox", want), func() bool {
		return len(names(t, filepath.Join(r.Senders(), "new"))) >= want && r.Idle()
	})
	list := r.returned(t)
	if len(list) != want {
		t.Errorf("%d notices reached a mailbox, want %d", len(list), want)
	}
	for _, one := range list {
		if one.from != "" {
			t.Errorf("a notice comes from %q, want nobody", one.from)
		}
	}
	return list
}

var noticeTo = regexp.MustCompile(`(?m)^To: (.*)$`)

// returnedTo names the addresses that the notices of a message went to, with commas between
// them.
func returnedTo(list []returned, m frontMail) string {
	var all []string
	for _, one := range list {
		// A notice has a copy of the message. Its number tells messages apart.
		if !strings.Contains(one.text, idHeader+m.number()+"\n") {
			continue
		}
		if to := noticeTo.FindStringSubmatch(one.text); to != nil {
			all = append(all, strings.Trim(to[1], "<>"))
		}
	}
	return strings.Join(all, ", ")
}

// arrived fails unless the customer's server took a message once for each recipient, with
// its sender, in so many transactions, and with the stored bytes.
func (r *frontRun) arrived(t *testing.T, m frontMail, want expected, took []taken) {
	t.Helper()
	var to []string
	for _, one := range took {
		to = append(to, one.to...)
		if one.from != m.From {
			t.Errorf("%s: the sender is %q, want %q", m.name, one.from, m.From)
		}
		if !slices.Contains(r.stored[m.number()], one.content) {
			t.Errorf("%s: the content is not what the front stored:\n%s", m.name, difference(r.stored[m.number()][0], one.content))
		}
		r.compareSent(t, m, want, one.content)
	}
	if got, all := slices.Sorted(slices.Values(to)), slices.Sorted(slices.Values(m.To)); !slices.Equal(got, all) {
		t.Errorf("%s: the recipients are %q, want %q", m.name, got, all)
	}
	if got, all := len(took), cmp.Or(want.transactions, 1); got != all {
		t.Errorf("%s: %d transactions, want %d %s", m.name, got, all, want.why)
	}
}

// compareSent fails unless a content is what the sender's server sent, below the Received
// lines of the front.
func (r *frontRun) compareSent(t *testing.T, m frontMail, want expected, content string) {
	t.Helper()
	sent := m.Content
	for _, field := range want.lacks {
		sent = regexp.MustCompile(`(?m)^`+field+`: .*\n`).ReplaceAllString(sent, "")
	}
	top, ok := strings.CutSuffix(content, sent)
	if !ok {
		t.Errorf("%s: the content is not what was sent:\n%s", m.name, difference(sent, content))
		return
	}
	for line := range strings.Lines(top) {
		if !strings.HasPrefix(line, "Received: ") && !strings.HasPrefix(line, "\t") {
			t.Errorf("%s: the front's own line reached the customer: %q", m.name, line)
		}
	}
}
