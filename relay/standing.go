package relay

import (
	"errors"
	"time"

	"vodmr/internal/logline"
	"vodmr/smtp"
)

// isStanding reports if this login's sessions are standing sessions.
func (s *session) isStanding() bool { return s.grant.Settings.Standing() }

// A standing session sends what waits, then whatever comes.
type standing struct {
	*session
	noop   time.Duration // VODMR_NOOP
	end    time.Time     // of VODMR_IDLE
	kept   time.Time     // when keepAlive was called last
	failed string        // why the last look failed
}

// runStanding runs a standing session.
func (s *session) runStanding(src *source) error {
	now, idle, noop := time.Now(), s.grant.Settings.Idle, s.grant.Settings.Noop
	st := &standing{session: s, noop: noop, end: now.Add(idle), kept: now}
	s.Log.Event("stand", logline.N("seconds", int64(idle.Seconds())), logline.N("noop", int64(noop.Seconds())))
	for {
		if err := src.run(); err != nil {
			return st.lost(err)
		}
		if err := st.step(time.Now()); err != nil {
			return st.lost(err)
		}
	}
}

// step does one thing, after which all that can be sent is sent again.
func (st *standing) step(now time.Time) error {
	if st.source.terminating() {
		return endBySignal
	}
	if st.wake.gone != nil {
		return cleanEnd(st.wake.gone.Error())
	}
	if err := st.source.stopped(); err != nil {
		return err
	}
	switch {
	case st.source.mailMaxReached():
		return endMailMax
	case st.source.takesNoMore:
		return endNoMore
	case !now.Before(st.end):
		return cleanEnd("VODMR_IDLE is over")
	case st.wake.wantsProbe():
		return st.probe()
	case !now.Before(st.nextNoop()):
		return st.keepAlive(now)
	case !now.Before(st.nextLook()):
		return st.look()
	}
	return st.rest()
}

// probe answers another session that asks for the mailbox: this one leaves it, or says
// NOOP to find out if the customer is still there.
func (st *standing) probe() error {
	if err := st.renew(); err != nil {
		return err
	}
	if st.box.Lock.EvictionRequested() {
		return endByExpire
	}
	st.source.sender.Noop()
	return nil
}

// nextNoop is when to say NOOP: VODMR_NOOP after the customer was last heard.
func (st *standing) nextNoop() time.Time {
	return later(st.wake.heard, st.kept).Add(st.noop)
}

// keepAlive says NOOP, and finds changes that no Watch tells of.
func (st *standing) keepAlive(now time.Time) error {
	st.kept = now
	if st.wake.lookout.afar() {
		st.wake.lookout.look(now, false)
		st.source.sender.Noop()
		return nil
	}
	if err := st.box.InPlace(); err != nil {
		return cleanEnd(err.Error())
	}
	if err := st.renew(); err != nil { // first: one that has taken it looks like vodmr-expire
		return err
	}
	if st.box.Lock.EvictionRequested() { // without a Watch nothing else tells
		return endByExpire
	}
	st.wake.mail = st.wake.mail || st.spool.Looks.Changed()
	st.source.sender.Noop()
	return nil
}

// renew asks for the lock again. If it is lost, nothing in the Maildir is changed any more.
func (st *standing) renew() error {
	err := st.box.Lock.Renew()
	if err != nil {
		st.wake.lost()
		return cleanEnd(err.Error())
	}
	return nil
}

// nextLook is when to look into the Maildir.
func (st *standing) nextLook() time.Time {
	if st.wake.mail {
		return st.spool.Looks.NotBefore
	}
	if retryAt := st.spool.NextRetry(); !retryAt.IsZero() {
		return later(retryAt, st.spool.Looks.NotBefore)
	}
	return st.end
}

// look looks into the Maildir. If that fails it is logged once, and tried again
// with the next NOOP.
func (st *standing) look() error {
	st.wake.mail = false
	if err := st.renew(); err != nil {
		return err
	}
	err := st.source.look()
	if err == nil {
		st.failed = ""
		return nil
	}
	if st.failed != err.Error() {
		st.failed = err.Error()
		st.Log.Event("error", logline.Err(err))
	}
	st.spool.Looks.Failed(st.nextNoop())
	return nil
}

// rest waits until there is something to do.
func (st *standing) rest() error {
	if st.source.asking.hasQuestion() {
		return nil // it is its turn now
	}
	st.source.rest()
	until := earliest(st.end, st.nextNoop(), st.nextLook(), st.wake.doorDue(), st.wake.lookout.wakeTime())
	return st.source.sender.Idle(func() (bool, error) { return st.wake.rest(until) })
}

// lost makes a cleanEnd of the customer's end of the session if nothing was under way. The
// probe counts as something: what that end shows of the server must be noted, or each
// session would end there.
func (st *standing) lost(err error) error {
	var closing *smtp.ClosingError
	switch {
	case len(st.source.sender.Unanswered()) > 0 || st.source.sender.Peer.Probing():
	case errors.As(err, &closing):
		return cleanEnd(err.Error())
	case errors.Is(err, smtp.ErrHungUp):
		return cleanEnd("hangup")
	}
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
