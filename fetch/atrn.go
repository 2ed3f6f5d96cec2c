package fetch

import (
	"errors"
	"strconv"
	"strings"

	"vodmr/smtp"
)

// errNothingWaits is reply 453: a success.
var errNothingWaits = errors.New("nothing waits")

// turn says ATRN (RFC 2645 section 5.2.1). After nil the connection is turned.
func (d *conversation) turn(domains []string) error {
	line := "ATRN"
	if len(domains) > 0 {
		line += " " + strings.Join(domains, ",")
	}
	r, err := d.command(line, "the reply to ATRN", d.timings.ATRN)
	if err != nil {
		return err
	}
	d.waiting = countIn(r)
	return atrnFailure(r, len(domains) > 0)
}

// A count is what a provider says of the mail that waits; 0 for unknown.
type count struct{ messages, bytes int64 }

// countIn finds the numbers in a reply to ATRN, each before its unit: "41 messages, 3250000
// bytes". RFC 2645 leaves the words to the provider.
func countIn(r smtp.Reply) (c count) {
	words := strings.Fields(r.String())
	for i, word := range words[1:] {
		n, err := strconv.ParseInt(strings.Trim(words[i], "(,;:"), 10, 64)
		switch {
		case err != nil || n <= 0:
		case strings.HasPrefix(word, "message"):
			c.messages = n
		case strings.HasPrefix(word, "byte"), strings.HasPrefix(word, "octet"):
			c.bytes = n
		}
	}
	return c
}

// atrnFailure says what the reply to ATRN means; nil is 250. named reports if ATRN
// named domains.
func atrnFailure(r smtp.Reply, named bool) error {
	switch {
	case r.Code == 250:
		return nil
	case r.Code == 453:
		return errNothingWaits
	case r.Code == 450 && strings.Contains(strings.ToLower(r.String()), "too soon"):
		return later(r, "the provider was asked again too soon: wait longer between sessions")
	case r.Code == 450 && !named:
		return &Failure{ExitDomain, "the provider refused a domain of this login, or knows of none: ask the provider's administrator", r}
	case r.Code == 450:
		return &Failure{ExitDomain, "the provider refused a domain, and so all: ask for those of this login only (-d), or ask the provider for a new invitation", r}
	case r.Code == 530, r.Code == 535, r.Code == 538:
		return loginRefused(r, "the provider refused ATRN to this login")
	case r.Code == 501 && !named:
		return &Failure{ExitMisuse, "the provider wants to be asked for domains by name: give -d", r}
	case r.Code == 501:
		return &Failure{ExitMisuse, "the provider cannot read the list of domains: check -d", r}
	case r.AboutCommand():
		return &Failure{ExitMisuse, "the provider does not know ATRN: is this its ODMR port?", r}
	}
	return later(r, "the provider cannot look for mail now, and some may wait: try again later")
}
