package relay

import (
	"slices"

	"vodmr/internal/logline"
	"vodmr/smtp"
)

// serverWords are the words of vodmr.notes for what a server has shown.
func serverWords() []string {
	return []string{smtp.Unproven: "unproven", smtp.Drains: "drains", smtp.Undrained: "data", smtp.OutOfStep: "lockstep"}
}

// recallServer tells the Sender what the customer's server has shown before.
func (s *source) recallServer() {
	if s.sender.Peer.Fingerprint == "" {
		return
	}
	word := s.spool.History().Server(s.sender.Peer.Fingerprint)
	shown := smtp.Evidence(max(slices.Index(serverWords(), word), 0))
	s.sender.Peer.Evidence, s.shown = shown, serverWords()[shown]
}

// noteServer notes what the customer's server has shown in this session.
func (s *source) noteServer() {
	if s.shown == "" {
		return
	}
	evidence := s.sender.Peer.Evidence
	word := serverWords()[evidence]
	if word != s.shown || evidence == smtp.Drains { // this is shown anew in each session
		s.spool.History().SetServer(s.sender.Peer.Fingerprint, word)
	}
	if word == s.shown {
		return
	}
	s.shown = word
	if evidence == smtp.Undrained {
		s.log.Event("error", logline.F("reason", "the customer's server does not read what it refuses by BDAT, or fails at the probe for that: for a week it gets DATA"))
	}
}
