package main

import "vodmr/fetch"

// keepMetrics is -M: the session's metrics go to a file.
func (raw *rawOptions) keepMetrics(s *fetch.Session) {
	if raw.metrics == "" {
		return
	}
	s.Metrics = &fetch.Metrics{
		File:     raw.metrics,
		Provider: s.Provider.String(),
		Login:    s.Login.User,
		Warn:     func(err error) { fetch.Warn(stderr(), err) },
	}
}
