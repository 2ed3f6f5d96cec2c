package fetch

import (
	"errors"
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
	return atrnFailure(r, len(domains) > 0)
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
		return &Failure{ExitDomain, "the provider refused a domain: ask for those of this login only (-d)", r}
	case r.Code == 530, r.Code == 535, r.Code == 538:
		return loginRefused(r, "the provider refused ATRN to this login")
	case r.Code == 501 && !named:
		return &Failure{ExitMisuse, "the provider wants to be asked for domains by name: give -d", r}
	case r.Code == 501:
		return &Failure{ExitMisuse, "the provider cannot read the list of domains: check -d", r}
	case r.AboutCommand():
		return &Failure{ExitMisuse, "the provider does not know ATRN: is this its ODMR port?", r}
	}
	return later(r, "the provider has no mail for us now: try again later")
}
