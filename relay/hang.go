package relay

import (
	"time"

	"vodmr/internal/hang"
	"vodmr/internal/logline"
	"vodmr/relay/spool"
	"vodmr/smtp"
)

// lastReply bounds how long the customer may take for the reply of giveUp.
const lastReply = 2 * time.Second

// guardATRN begins to watch the steps of ATRN; nil if this process cannot be ended while a
// thread of it hangs.
func (s *session) guardATRN(arg string) *hang.Guard {
	if s.Abort == nil {
		return nil
	}
	return hang.Watch(s.timings.hang, "look up the login", s.Log, func(log *logline.Logger) { s.giveUp(arg, log) })
}

// giveUp answers ATRN in place of the main thread, and ends the connection and the process. It
// touches nothing that the main thread may be using: the connection is not, until ATRN is
// answered.
func (s *session) giveUp(arg string, log *logline.Logger) {
	reply := smtp.NewReply(451, "4.3.0", "the mailbox does not answer, try again later")
	_ = s.Conn.SetDeadline(time.Now().Add(lastReply))
	_, err := s.Conn.Write(reply.AppendTo(nil))
	log.Event("atrn", logline.F("user", s.Login), logline.F("domains", arg), logline.F("reply", reply.String()))
	if err == nil {
		err = reply
	}
	logEnd(log, s.start, spool.Counts{}, err)
	s.Abort()
}
