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
func (q *queue) recallServer() {
	if q.notes == nil || q.sender.Fingerprint == "" {
		return
	}
	q.server = q.notes.Server(q.sender.Fingerprint)
	switch q.server {
	case serverDrains:
		q.sender.Evidence = smtp.Drains
	case serverData:
		q.sender.Evidence = smtp.Undrained
	case serverLockStep:
		q.sender.Evidence = smtp.OutOfStep
	default:
		q.server = serverUnproven
	}
}

// noteServer notes what the customer's server has shown in this session.
func (q *queue) noteServer() {
	if q.sender == nil || q.server == "" {
		return
	}
	word := serverWord(q.sender.Evidence)
	if word != q.server || word == serverDrains { // this is shown anew in each session
		q.notes.SetServer(q.sender.Fingerprint, word)
	}
	if word == q.server {
		return
	}
	q.server = word
	if word == serverData {
		q.Log.Event("error", logline.F("reason", "the customer's server does not read what it refuses by BDAT, or fails at the probe for that: for a week it gets DATA"))
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
