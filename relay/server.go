package relay

import (
	"vodmr/internal/logline"
	"vodmr/smtp"
)

// The words of vodmr.notes for what a server has shown (smtp.Evidence). Without one it is
// unproven.
const (
	serverDrains   = "drains"
	serverData     = "data"
	serverLockStep = "lockstep"
	serverUnproven = "unproven"
)

// recallServer tells the Sender what the customer's server has shown before.
func (s *source) recallServer() {
	if s.sender.Peer.Fingerprint == "" {
		return
	}
	s.shown = s.spool.History().Server(s.sender.Peer.Fingerprint)
	switch s.shown {
	case serverDrains:
		s.sender.Peer.Evidence = smtp.Drains
	case serverData:
		s.sender.Peer.Evidence = smtp.Undrained
	case serverLockStep:
		s.sender.Peer.Evidence = smtp.OutOfStep
	default:
		s.shown = serverUnproven
	}
}

// noteServer notes what the customer's server has shown in this session.
func (s *source) noteServer() {
	if s.shown == "" {
		return
	}
	word := serverWord(s.sender.Peer.Evidence)
	if word != s.shown || word == serverDrains { // this is shown anew in each session
		s.spool.History().SetServer(s.sender.Peer.Fingerprint, word)
	}
	if word == s.shown {
		return
	}
	s.shown = word
	if word == serverData {
		s.log.Event("error", logline.F("reason", "the customer's server does not read what it refuses by BDAT, or fails at the probe for that: for a week it gets DATA"))
	}
}

func serverWord(evidence smtp.Evidence) string {
	switch evidence {
	case smtp.Drains:
		return serverDrains
	case smtp.Undrained:
		return serverData
	case smtp.OutOfStep:
		return serverLockStep
	}
	return serverUnproven
}
