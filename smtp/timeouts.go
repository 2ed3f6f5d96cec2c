package smtp

import "time"

// Timeouts is how long the sending side waits for each thing.
type Timeouts struct {
	Greeting, Mail, Rcpt, DataStart, Block, Final, Other time.Duration
}

// StandardTimeouts returns those of RFC 5321 section 4.5.3.2.
func StandardTimeouts() Timeouts {
	return Timeouts{
		Greeting:  5 * time.Minute,
		Mail:      5 * time.Minute,
		Rcpt:      5 * time.Minute,
		DataStart: 2 * time.Minute,
		Block:     3 * time.Minute,
		Final:     10 * time.Minute,
		Other:     5 * time.Minute,
	}
}

// SameTimeouts returns d for everything, as qmail-remote's timeoutremote means it.
func SameTimeouts(d time.Duration) Timeouts {
	return Timeouts{d, d, d, d, d, d, d}
}
