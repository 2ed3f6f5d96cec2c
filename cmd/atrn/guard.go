package main

import "vodmr/fetch"

// guarding is what protects the customer's server from the provider: it gets mail for these
// domains only.
func guarding(domains []string) fetch.Guard {
	return fetch.Guard{Domains: domains, Warn: func(err error) { fetch.Warn(stderr(), err) }}
}
