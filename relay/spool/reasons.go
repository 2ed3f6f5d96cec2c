package spool

import (
	"errors"

	"vodmr/internal/address"
	"vodmr/internal/logline"
	"vodmr/maildir"
)

// notOurs says that a message is for no domain of this login.
type notOurs struct{ rcpt string }

func (e *notOurs) Error() string { return "for no domain of this login: " + e.rcpt }

// knownReason reports if the reason that a file stays lies in the file, and not in
// trouble of this host.
func knownReason(err error) bool {
	var other *notOurs
	return errors.As(err, &other) || errors.Is(err, maildir.ErrGone) || errors.Is(err, maildir.ErrNoEnvelope) ||
		errors.Is(err, maildir.ErrNotRegular) || errors.Is(err, maildir.ErrOwner) || errors.Is(err, address.ErrSyntax) || err == errUnproven || err == errForSession
}

// skip logs why a file stays, unless the log has that already.
func (s *Spool) skip(entry maildir.Entry, err error) {
	s.Unreadable = s.Unreadable || !knownReason(err)
	if errors.Is(err, maildir.ErrGone) {
		s.Counts.Waiting--
		s.log.Event("skip", logline.F("file", entry.Path()), logline.F("reason", "gone"))
		return
	}
	s.retries.postpone(entry.Base(), s.retries.rereadWait(err))
	if s.history.Stays(entry.Base(), err.Error()) {
		s.log.Event("skip", logline.F("file", entry.Path()), logline.F("reason", err.Error()))
	}
}
