package spool

import (
	"slices"

	"vodmr/relay/grant"
)

// takeCopies takes the oldest message and its equal copies off the look-ahead.
func (r *reader) takeCopies() []*Message {
	lead := r.lookahead[0]
	copies := []*Message{lead}
	r.files.compared = 0
	left := r.lookahead[:0]
	for _, it := range r.lookahead[1:] {
		if len(copies) < r.rcptMax && r.mayJoin(copies, it) {
			copies = append(copies, it)
		} else {
			left = append(left, it)
		}
	}
	r.lookahead = left
	for _, it := range copies {
		r.held -= int64(len(it.raw))
	}
	for _, it := range copies[1:] {
		r.files.release(it)
	}
	return copies
}

// following are the base names of the messages that go out next, at most so many: up to
// the first that copies may join.
func (r *reader) following(most int) (bases []string) {
	if len(r.repeats)+len(r.notices) > 0 || most <= 0 {
		return nil
	}
	alike := make(map[uint64]int)
	for _, it := range r.lookahead {
		alike[it.sum]++
	}
	for _, it := range r.lookahead[:min(most, len(r.lookahead))] {
		if alike[it.sum] > 1 {
			break
		}
		bases = append(bases, it.base)
	}
	return bases
}

// mayJoin reports if it is a copy of the same message for another recipient.
func (r *reader) mayJoin(copies []*Message, it *Message) bool {
	lead := copies[0]
	if it.sender != lead.sender || it.double != lead.double || it.coding() != lead.coding() {
		return false
	}
	if r.history.Of(lead.base).Closed() || r.history.Of(it.base).Closed() {
		return false
	}
	if slices.ContainsFunc(copies, func(other *Message) bool { return other.to == it.to }) {
		return false
	}
	return r.domainsAllow(copies, it) && r.files.sameContent(lead, it)
}

// domainsAllow keeps RFC 9422's RCPTDOMAINMAX.
func (r *reader) domainsAllow(copies []*Message, it *Message) bool {
	max := r.server.RcptDomainMax
	if max == 0 {
		return true
	}
	domains := map[string]bool{grant.Domain(it.rcpt): true}
	for _, other := range copies {
		domains[grant.Domain(other.rcpt)] = true
	}
	return len(domains) <= max
}
