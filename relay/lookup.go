package relay

import (
	"slices"

	"vodmr/smtp"
)

// A Lookup is what ATRN would find out about a login before it looks for mail.
type Lookup struct {
	Login    string     // as rules know it: in lower case, with the real domain
	Domains  []string   // the real domains that it holds, in order
	Refusal  smtp.Reply // what ATRN without a list would get; zero for no refusal
	Settings Settings
}

// LookUp asks the site about a login as ATRN does: who it is, what the rules say,
// which domains it holds. Of the Config it needs Login, Home, Maildir, Qmail, Rules and
// Environ. An error is what would get 451.
func LookUp(c Config) (Lookup, error) {
	s := &session{Config: c}
	s.TLS = true
	var err error
	if s.entitled, err = identify(&c); err != nil {
		return Lookup{}, err
	}
	defer s.close()
	found := Lookup{Login: s.entitled.login}
	found.Refusal, err = s.entitle()
	found.Settings = s.settings
	if err != nil || found.Refusal.Code != 0 {
		return found, err
	}
	found.Refusal = s.entitled.claim(nil)
	found.Domains = slices.Clone(s.entitled.domains)
	if s.entitled.system != "" {
		found.Domains = append(found.Domains, s.entitled.virtual.HeldBy(s.entitled.system)...)
	}
	slices.Sort(found.Domains)
	return found, nil
}

// ReadSettings reads the variables that get knows, as a session would.
func ReadSettings(get func(name string) string) (Settings, error) {
	s := standardSettings()
	err := s.apply(get)
	return s, err
}

// ParseDomains reads a list of domains with commas between them, such as that of
// VODMR_DOMAINS. They come back in lower case.
func ParseDomains(list string) ([]string, error) { return parseDomains(list) }
