package grant

import (
	"cmp"
	"fmt"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// A Right tells if a login that was let in still may have what its Grant says. It looks at
// rules.cdb and at the file of logins. A look costs a stat of each, until one changes.
// Unlike a Grant it may be used by another goroutine than the session's own, by one at a
// time, and after the Grant is closed.
type Right struct {
	lookUp func() (holding, error) // what the login may have now
	held   holding                 // what it could have at first
	path   string                  // rules.cdb; "" for none
	rules  fileState
	logins logins
}

// A holding is what a login may have. If the domains could not be found out, its rule is
// still known.
type holding struct {
	rule string // the domains that the rule names, and the settings
	all  string // the domains that come of it, and the settings
}

// The reasons that a login has lost its right, for logs.
const (
	ruleChanged     = "the login's rule has changed"
	loginRemoved    = "the login was removed"
	passwordChanged = "the login's password or account has changed"
	loginsChanged   = "the file of logins has changed"
)

// A fileState tells one state of a file from another; the zero value is that of a missing file.
type fileState struct {
	changed, size int64
	inode         uint64
}

// stateOf looks at a file. If it is missing there is no error.
func stateOf(path string) (fileState, error) {
	var st unix.Stat_t
	if err := sys.StatPath(path, &st); err == unix.ENOENT {
		return fileState{}, nil
	} else if err != nil {
		return fileState{}, sys.Named(path, err)
	}
	return fileState{st.Mtim.Nano(), st.Size, st.Ino}, nil
}

// Right describes what the Grant's login has. seen is the file of logins as it was at the
// login; env is For's.
func (g *Grant) Right(site Site, seen Login, env func(name string) string) *Right {
	home, maildir := g.home, g.maildir
	return &Right{
		lookUp: func() (holding, error) {
			now, err := For(site, seen.Name, home, maildir, env)
			if now == nil {
				return holding{}, err
			}
			defer now.Close()
			return now.describe(), err
		},
		held: g.describe(), path: site.Rules, rules: g.rules,
		logins: g.logins(seen),
	}
}

// describe tells a Grant from one with other domains or settings.
func (g *Grant) describe() holding {
	if g.Refusal.Code != 0 {
		return holding{"refused", "refused"}
	}
	return holding{fmt.Sprintf("%q %+v", g.named, g.Settings), fmt.Sprintf("%q %+v", g.All(), g.Settings)}
}

// Look reports why the login has lost its right, or "". soon means that a file may be
// half-way through a change: then the next look is to be soon. An error says that one of the
// two could not be looked at.
func (r *Right) Look() (lost string, soon bool, err error) {
	lost, rulesErr := r.lookAtRules()
	if lost != "" {
		return lost, false, nil
	}
	lost, soon, err = r.logins.look()
	return lost, soon, cmp.Or(rulesErr, err)
}

// lookAtRules looks the login up again if rules.cdb has changed. A session may read only the
// folders of the domains that it had at first. So if its rule names another one now, the
// look-up can fail, but the rule is known to differ.
func (r *Right) lookAtRules() (lost string, err error) {
	if r.path == "" {
		return "", nil
	}
	now, err := stateOf(r.path)
	if now == r.rules || err != nil {
		return "", err
	}
	held, err := r.lookUp()
	switch {
	case err != nil && (held == holding{} || held.rule == r.held.rule):
		return "", err
	case err != nil || held.all != r.held.all:
		return ruleChanged, nil
	}
	r.rules = now
	return "", nil
}
