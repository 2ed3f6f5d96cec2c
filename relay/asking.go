package relay

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"vodmr/internal/address"
	"vodmr/internal/logline"
	"vodmr/relay/door"
	"vodmr/relay/spool"
	"vodmr/relay/spool/history"
	"vodmr/smtp"
)

// An asking is what a session learns about the customer's recipients, from the mail that it
// sends and, if it is a standing session, from questions that come through the door.
//
// The questions never keep mail back: one transaction of them is in flight at a time, and
// another begins only once a message has begun, or once the session has looked for mail and
// found none. So each costs at most one round trip.
// They do not use up the server's patience either: many servers hang up, or answer slowly,
// after some ten refusals without mail that they take (Postfix: 20), see allowance.
type asking struct {
	source *source
	dir    string // VODMR_DOOR
	login  string
	now    func() time.Time
	log    *logline.Logger
	server *door.Server // nil if this is no standing session, or nobody can ask
	learnt map[string]*history.Recipients
	failed string // the last error of the door's folder

	allowance allowance
	tx        *smtp.Transaction // in flight; nil for none
	questions []string          // that it asks; the first may be made up, see impossible
	made      bool              // the first is
	turn      bool              // a message has begun since the last question, or the session has looked for mail
	proved    bool              // the server answered a question in this session
}

const (
	// mostQuestions is how many recipients one transaction asks about, if the server offers
	// PIPELINING.
	mostQuestions = 10
	// mostLearnt is how many domains a session remembers recipients of.
	mostLearnt = 100

	// The words of vodmr.notes about a server that hung up at a question, under askKey: once,
	// or in two sessions in a row. Then it is not asked for a week.
	askKey   = "ask"
	askBroke = "hungup"
	askNever = "never"
	askFine  = "fine"
)

// newAsking makes the session's asking; nil if the site has no door, or if refusals for good
// are not believed.
func (s *session) newAsking(src *source) *asking {
	settings := &s.grant.Settings
	if settings.Door == "" || settings.SoftBounce {
		return nil
	}
	a := &asking{source: src, dir: settings.Door, login: s.grant.Login, now: s.Now, log: s.Log,
		learnt: map[string]*history.Recipients{}, allowance: allowance{most: float64(settings.Ask)}}
	a.allowance.fill(time.Now())
	if s.wake == nil || settings.Ask == 0 {
		return a
	}
	var err error
	a.server, err = door.Listen(settings.Door, s.grant.Asked(), s.Now)
	a.server.Changed, a.server.Known = a.changed, a.known
	a.trouble(err)
	s.wake.door = a.server
	s.wake.listen()
	return a
}

// trouble logs an error of the door's folder once. Mail flows on.
func (a *asking) trouble(err error) {
	if err != nil && a.failed != err.Error() {
		a.failed = err.Error()
		a.log.Event("error", logline.F("reason", "unknown recipients are not refused at the front"), logline.Err(err))
	}
}

// of is what is known of a domain's recipients; nil if there are too many domains.
func (a *asking) of(domain string) *history.Recipients {
	r := a.learnt[domain]
	if r == nil && len(a.learnt) < mostLearnt {
		r = history.NewRecipients(a.dir, domain, a.now)
		_, err := r.Load()
		a.trouble(err)
		a.learnt[domain] = r
	}
	return r
}

// changed reports if an administrator has changed what is known of a domain.
func (a *asking) changed(domain string) bool {
	r := a.of(domain)
	if r == nil {
		return false
	}
	changed, err := r.Load()
	a.trouble(err)
	return changed
}

// known is what the mail or an earlier session has shown of a recipient, if that is fresh: the
// customer's server is not asked again for it.
func (a *asking) known(normal string) (answer door.Answer, known bool) {
	r := a.of(normal[strings.LastIndexByte(normal, '@')+1:])
	if r == nil {
		return answer, false
	}
	entry, known := r.Fresh(normal)
	if entry.Refused {
		return door.Answer{Verdict: door.No, Words: entry.Reply}, known && a.source.spool.History().Trusts()
	}
	return door.Answer{Verdict: door.Yes, Words: "the customer's server accepted it before"}, known
}

// next is the next transaction that asks; nil if there is none, or it is the mail's turn.
func (a *asking) next() *smtp.Transaction {
	if !a.hasQuestion() || !a.turn {
		return nil
	}
	if why := a.mustNot(); why != "" {
		a.server.Decline(why)
		return nil
	}
	most := mostQuestions
	if a.source.lockStep || !a.source.sender.Peer.Extensions.Pipelining {
		most = 1
	}
	tx := &smtp.Transaction{AskOnly: true, Plain: a.source.lockStep}
	a.questions, a.made = nil, false
	for _, normal := range a.server.Questions(most) {
		a.add(tx, normal)
	}
	if len(tx.To) == 0 {
		return nil
	}
	a.tx = tx
	return tx
}

// mustNot is why the customer's server is not asked now; "" if it is.
func (a *asking) mustNot() string {
	notes := a.source.spool.History()
	switch {
	case !notes.Trusts():
		return "the customer's server has not shown that it knows its recipients"
	case notes.Server(askKey) == askNever:
		return "the customer's server hangs up at questions"
	case a.source.sender.Peer.Extensions.MailMax > 0:
		return "the customer's server takes few transactions"
	case a.source.terminating() || a.source.spool.MustStop:
		return "the session ends"
	case !a.allowance.any(time.Now()):
		return "the customer's server was asked too much"
	}
	return ""
}

// add adds a question, and before the first about a domain one for an address that cannot
// exist.
func (a *asking) add(tx *smtp.Transaction, normal string) {
	to, err := address.Quote(normal)
	utf8 := smtp.EightBit(normal)
	if err != nil || utf8 && !a.source.sender.Peer.Extensions.SMTPUTF8 {
		a.server.Answer(normal, door.Answer{Verdict: door.Unknown, Words: "SMTP has no form for this address"})
		return
	}
	domain := normal[strings.LastIndexByte(normal, '@')+1:]
	if r := a.of(domain); r != nil {
		all, known := r.TakesAll()
		if known && all {
			a.server.Answer(normal, door.Answer{Verdict: door.Yes, Words: takesAll})
			return
		}
		if !known && len(tx.To) == 0 {
			a.made = true
			a.questions = append(a.questions, impossible(domain))
			tx.To = append(tx.To, impossible(domain))
		}
	}
	a.questions = append(a.questions, normal)
	tx.To = append(tx.To, to)
	tx.UTF8 = tx.UTF8 || utf8
}

const takesAll = "the customer's server takes any recipient"

// impossible is an address that nobody has.
func impossible(domain string) string {
	return "vodmr-" + strconv.FormatUint(rand.Uint64(), 36) + "@" + domain
}

// setTurn says if a question may be asked next.
func (a *asking) setTurn(turn bool) {
	if a != nil {
		a.turn = turn
	}
}

// hasQuestion reports if a question waits to be asked.
func (a *asking) hasQuestion() bool {
	return a != nil && a.server != nil && a.tx == nil && a.server.Waiting()
}

// answered takes the replies to the questions.
func (a *asking) answered(decisions []smtp.Decision) {
	questions := a.questions
	a.tx, a.questions = nil, nil
	if notes := a.source.spool.History(); !a.proved && notes.Server(askKey) == askBroke {
		notes.SetServer(askKey, askFine) // it answers
	}
	a.proved = true
	if a.made {
		a.answeredMade(questions[0], decisions[0])
		questions, decisions = questions[1:], decisions[1:]
	}
	for i, normal := range questions {
		d := decisions[i]
		answer := a.judge(normal, d)
		a.log.Event("asked", logline.F("to", "<"+normal+">"), logline.F("reply", d.Reply.String()))
		a.server.Answer(normal, answer)
	}
}

// answeredMade takes the reply about an address that cannot exist.
func (a *asking) answeredMade(made string, d smtp.Decision) {
	r := a.of(made[strings.LastIndexByte(made, '@')+1:])
	if d.Reply.Refused() {
		a.allowance.spend(time.Now())
	}
	all := d.Stage == smtp.StageRcpt && d.Reply.Accepted()
	if r == nil || !all && !unknownRecipient(d) {
		return // it shows nothing
	}
	a.trouble(r.SetTakesAll(all))
	if all {
		a.log.Event("takesall", logline.F("domain", made[strings.LastIndexByte(made, '@')+1:]), logline.F("reply", d.Reply.String()))
	}
}

// judge says what a reply means for a recipient.
func (a *asking) judge(normal string, d smtp.Decision) door.Answer {
	words := strings.Join(d.Reply.Lines, " ")
	if d.Reply.Refused() {
		a.allowance.spend(time.Now())
	}
	verdict := door.Unknown
	if d.Stage == smtp.StageRcpt && d.Reply.Accepted() {
		verdict = door.Yes
	} else if unknownRecipient(d) && a.source.spool.History().Trusts() {
		verdict = door.No
	}
	if verdict != door.Unknown {
		a.remember(normal, d)
	}
	return door.Answer{Verdict: verdict, Words: words}
}

// unknownRecipient reports if a reply says that the server does not have this recipient:
// 550, 551 or 553 to RCPT (RFC 5321 section 4.2.3), with an enhanced code (RFC 3463 section
// 3.2) that says so too, if there is one. X.1.2 and X.1.3 are about the domain and the
// syntax, and every other subject is about something else: X.7.1 is how blocklists and
// relaying are refused. Exchange says 5.1.10 (RFC 7505) for what others call 5.1.1.
func unknownRecipient(d smtp.Decision) bool {
	if d.Stage != smtp.StageRcpt {
		return false
	}
	switch d.Reply.Enhanced {
	case "5.1.1", "5.1.0", "5.1.6", "5.1.10":
		return d.Reply.Code == 550 || d.Reply.Code == 551 || d.Reply.Code == 553
	case "":
		return d.Reply.Code == 550
	}
	return false
}

// learn remembers what the server said about the recipients of a batch of mail. A refusal
// counts only if the server is trusted, as for the mail itself.
func (a *asking) learn(b *spool.Batch, decisions []smtp.Decision) {
	if a == nil {
		return
	}
	for i, m := range b.Messages {
		d := decisions[i]
		if d.Stage == smtp.StageContent || d.Reply.Accepted() {
			a.remember(m.Recipient(), smtp.Decision{Stage: smtp.StageRcpt, Reply: smtp.ReplyOK()})
		} else if unknownRecipient(d) && a.source.spool.History().Trusts() {
			a.remember(m.Recipient(), d)
		}
		if d.Reply.Accepted() {
			a.allowance.fill(time.Now())
		}
	}
}

// remember remembers a reply to RCPT.
func (a *asking) remember(raw string, d smtp.Decision) {
	normal, domain, ok := door.Normal(raw)
	if !ok {
		return
	}
	r := a.of(domain)
	if r == nil {
		return
	}
	a.trouble(r.SetLogin(a.login))
	if a.server != nil {
		a.server.Forget(normal)
	}
	if d.Reply.Accepted() {
		a.trouble(r.Accepted(normal))
	} else {
		a.trouble(r.Refused(normal, door.Words(strings.Join(d.Reply.Lines, " "))))
	}
}

// end notes that the session ended with a question in flight, and closes the door.
func (a *asking) end(err error) {
	if a == nil {
		return
	}
	ours := err == endBySignal || err == endByExpire // the front ended the session
	if a.tx != nil && !ours {
		notes, word := a.source.spool.History(), askBroke
		if notes.Server(askKey) == askBroke {
			word = askNever
			a.log.Event("error", logline.F("reason", "the customer's server hung up at a question about a recipient in two sessions: it is not asked for a week"))
		}
		notes.SetServer(askKey, word)
	}
	a.close()
}

// close closes the door.
func (a *asking) close() {
	if a == nil || a.server == nil {
		return
	}
	if wake := a.source.wake; wake != nil && wake.door != nil {
		wake.door = nil
		wake.listen()
	}
	a.server.Close()
	a.server = nil
}
