package relay

import (
	"sync/atomic"
	"time"

	"vodmr/internal/logline"
	"vodmr/relay/spool"
	"vodmr/smtp"
)

// A hangGuard answers ATRN if the file system hangs: then this process's main thread waits
// for a call that no signal ends. One of the two answers, never both.
type hangGuard struct {
	session  *session
	arg      string
	log      *logline.Logger // its own
	answered atomic.Bool     // by either
	call     atomic.Pointer[hangCall]
	timer    *time.Timer
	until    time.Time // when the timer fires
}

// lastReply bounds how long the customer may take for that answer.
const lastReply = 2 * time.Second

// A hangCall is what the main thread does.
type hangCall struct {
	name  string
	begun time.Time
}

// guardATRN begins to watch the steps of ATRN.
func (s *session) guardATRN(arg string) *hangGuard {
	g := &hangGuard{session: s, arg: arg, log: s.Log.Clone()}
	g.call.Store(&hangCall{"look up the login", time.Now()})
	g.until = time.Now().Add(s.timings().hang)
	g.timer = time.AfterFunc(s.timings().hang, g.giveUp)
	if s.Abort == nil {
		g.timer.Stop()
	}
	return g
}

// begin names the next step. All steps together may take as long as a file system may, and
// this one its patience on top.
func (g *hangGuard) begin(call string, patience time.Duration) {
	g.call.Store(&hangCall{call, time.Now()})
	if patience > 0 && g.session.Abort != nil {
		g.until = g.until.Add(patience)
		g.timer.Reset(time.Until(g.until))
	}
}

// end reports if ATRN is still to be answered. If not, this process is about to end.
func (g *hangGuard) end() bool {
	g.timer.Stop()
	return !g.answered.Swap(true)
}

// giveUp answers in place of the main thread, and ends the connection and the process. It
// touches nothing that the main thread may be using: the connection is not, until end.
func (g *hangGuard) giveUp() {
	if g.answered.Swap(true) {
		return
	}
	s, reply := g.session, smtp.NewReply(451, "4.3.0", "the mailbox does not answer, try again later")
	call := *g.call.Load()
	_ = s.Conn.SetDeadline(time.Now().Add(lastReply))
	_, err := s.Conn.Write(reply.AppendTo(nil))
	logHang(g.log, call.name, "the file system does not answer", time.Since(call.begun))
	g.log.Event("atrn", logline.F("user", s.Login), logline.F("domains", g.arg), logline.F("reply", reply.String()))
	if err == nil {
		err = reply
	}
	logEnd(g.log, s.start, spool.Counts{}, err)
	s.Abort()
}
