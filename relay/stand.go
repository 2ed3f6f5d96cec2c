package relay

import (
	"errors"
	"time"

	"vodmr/internal/logline"
	"vodmr/smtp"
)

// stands says whether this login's sessions stay open when nothing waits.
func (s *session) stands() bool { return s.grant != nil && s.grant.Settings.Stands() }

// A stander runs the session: it sends what waits, then whatever comes.
type stander struct {
	*session
	sender *smtp.Sender
	end    time.Time // of VODMR_IDLE
	beaten time.Time // when the last beat was
	failed string    // why the last look failed
}

func (s *session) stand(sender *smtp.Sender) error {
	now := time.Now()
	st := &stander{session: s, sender: sender, end: now.Add(s.grant.Settings.Idle), beaten: now}
	s.Log.Event("stand",
		logline.N("seconds", int64(s.grant.Settings.Idle.Seconds())),
		logline.N("noop", int64(s.grant.Settings.Noop.Seconds())))
	for {
		if err := sender.Run(s.queue); err != nil {
			return st.lost(err)
		}
		s.queue.decideSenders()
		if err := st.step(time.Now()); err != nil {
			return st.lost(err)
		}
	}
}

// step does one thing, after which all that can be sent is sent again.
func (st *stander) step(now time.Time) error {
	switch {
	case st.line.told:
		return overByTerm
	case st.queue.stuck:
		return overByStuck
	case st.queue.hungUp:
		return lastWords(st.sender)
	case st.queue.refused() != "":
		return overRefused
	case st.queue.mailMaxReached():
		return over("the customer's server takes no more messages in one session (MAILMAX)")
	case !now.Before(st.end):
		return over("VODMR_IDLE is over")
	case st.line.wantsProbe():
		return st.probe()
	case !now.Before(st.nextBeat()):
		return st.beat(now)
	case !now.Before(st.nextLook()):
		st.look()
	default:
		return st.rest()
	}
	return nil
}

// probe answers who asks for the mailbox: by leaving it, or by looking whether the
// customer is still there.
func (st *stander) probe() error {
	if st.box.Claimed() {
		return overByClaim
	}
	st.sender.Noop()
	return nil
}

// nextBeat is when to say NOOP: VODMR_NOOP after anything was last heard.
func (st *stander) nextBeat() time.Time {
	return later(st.line.heard, st.beaten).Add(st.grant.Settings.Noop)
}

// beat keeps the session and finds what no Watch tells of.
func (st *stander) beat(now time.Time) error {
	st.beaten = now
	if !st.box.Same() {
		return over("the Maildir or its vodmr.lock was moved away or made anew")
	}
	if st.box.Claimed() { // without a Watch nothing else tells
		return overByClaim
	}
	st.line.mail = st.line.mail || st.queue.changedSince()
	st.sender.Noop()
	return nil
}

// nextLook is when to look into the Maildir.
func (st *stander) nextLook() time.Time {
	if st.line.mail {
		return st.queue.notBefore
	}
	if due := st.queue.nextDue(); !due.IsZero() {
		return later(due, st.queue.notBefore)
	}
	return st.end
}

// look looks into the Maildir. Where that fails it is logged once, and tried again
// with the next beat.
func (st *stander) look() {
	err := st.queue.look()
	if err == nil {
		st.failed = ""
		return
	}
	if st.failed != err.Error() {
		st.failed = err.Error()
		st.Log.Event("error", logline.Err(err))
	}
	st.queue.unsettled = true
	st.queue.notBefore = st.nextBeat()
}

// rest waits until there is something to do.
func (st *stander) rest() error {
	st.queue.rest()
	until := st.end
	for _, t := range []time.Time{st.nextBeat(), st.nextLook()} {
		if t.Before(until) {
			until = t
		}
	}
	return st.sender.Idle(func() (bool, error) { return st.line.rest(until) })
}

// lost tells whether the end came while nothing was under way, as an over.
func (st *stander) lost(err error) error {
	var closing *smtp.ClosingError
	switch {
	case len(st.sender.Unanswered()) > 0:
	case errors.As(err, &closing):
		return over(err.Error())
	case errors.Is(err, smtp.ErrHungUp):
		return over("hangup")
	}
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
