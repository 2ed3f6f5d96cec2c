package grant

import (
	"slices"

	"vodmr/smtp"
)

// A Lookup is what ATRN would find out about a login before it looks for mail.
type Lookup struct {
	Login    string     // as rules know it: in lower case, with the real domain
	Domains  []string   // the real domains that it holds, in order
	Refusal  smtp.Reply // the reply to ATRN without a list; zero for no refusal
	Settings Settings
	// Folders are those of users/cdb where the .qmail-default of each of its domains is, and
	// of the domain that the mailbox lives in.
	Folders []string
}

// LookUp asks the site about a login as ATRN does: its real name, what the rules say,
// which domains it holds. ATRN replies to an error with 451.
func LookUp(site Site, login, home, maildir string, env func(name string) string) (Lookup, error) {
	g, err := For(site, login, home, maildir, env)
	if g == nil {
		return Lookup{}, err
	}
	defer g.Close()
	found := Lookup{Login: g.Login, Refusal: g.Refusal, Settings: g.Settings}
	if err != nil || found.Refusal.Code != 0 {
		return found, err
	}
	found.Refusal, err = g.Restrict(nil)
	found.Domains = g.All()
	if g.domain != nil {
		found.Folders = append(found.Folders, g.domain.Dir)
	}
	for _, name := range g.Domains {
		if domain, is, err := g.users.Domain(name); is && err == nil && !slices.Contains(found.Folders, domain.Dir) {
			found.Folders = append(found.Folders, domain.Dir)
		}
	}
	return found, err
}
