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
	Folders  []string // of users/cdb: where the .qmail-default of each of its domains is
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
	found.Folders = g.folders()
	return found, err
}

// folders are those of the login's domains, and of the one that the mailbox lives in.
func (g *Grant) folders() (dirs []string) {
	if g.domain != nil {
		dirs = append(dirs, g.domain.Dir)
	}
	for _, name := range g.Domains {
		if domain, found, err := g.users.Domain(name); found && err == nil && !slices.Contains(dirs, domain.Dir) {
			dirs = append(dirs, domain.Dir)
		}
	}
	return dirs
}
