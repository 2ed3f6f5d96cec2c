package relay

import "vodmr/relay/grant"

// takeCopies takes the oldest item and its equal copies off the look-ahead.
func (q *queue) takeCopies() []*item {
	lead := q.ahead[0]
	copies := []*item{lead}
	q.compared = 0
	left := q.ahead[:0]
	for _, it := range q.ahead[1:] {
		if len(copies) < q.rcptMax && q.mayJoin(copies, it) {
			copies = append(copies, it)
		} else {
			left = append(left, it)
		}
	}
	q.ahead = left
	for _, it := range copies {
		q.held -= int64(len(it.raw))
	}
	for _, it := range copies[1:] {
		q.release(it)
	}
	return copies
}

// mayJoin says whether it is a copy of the same message for another recipient.
func (q *queue) mayJoin(copies []*item, it *item) bool {
	lead := copies[0]
	if it.sender != lead.sender || it.double != lead.double || it.coding() != lead.coding() {
		return false
	}
	for _, other := range copies {
		if other.to == it.to {
			return false
		}
	}
	return q.domainsAllow(copies, it) && q.sameContent(lead, it)
}

// domainsAllow keeps RFC 9422's RCPTDOMAINMAX.
func (q *queue) domainsAllow(copies []*item, it *item) bool {
	max := q.sender.Extensions.RcptDomainMax
	if max == 0 {
		return true
	}
	domains := map[string]bool{grant.Domain(it.rcpt): true}
	for _, other := range copies {
		domains[grant.Domain(other.rcpt)] = true
	}
	return len(domains) <= max
}
