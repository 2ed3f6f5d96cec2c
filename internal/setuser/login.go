package setuser

import (
	"cmp"
	"errors"
	"fmt"
	"syscall"

	"vodmr/internal/safepath"
	"vodmr/qmail"
)

// ErrPlace says that HOME, which a checkpassword program set, is not where the site's own
// files have the login's mailbox, or does not belong to the user that they name.
var ErrPlace = errors.New("is not the mailbox of this login")

// A Login is the result of a checkpassword program: the customer who logged in.
type Login struct {
	VPOPUser string // VPOPUSER: the login as typed; empty from a program that knows the system's accounts only
	User     string // USER: the account, without a domain
	Home     string // HOME: the mailbox's directory
}

// A Place is what the site's own files say about a login: which user its mailbox belongs to, and where
// it is. Only root writes these files, but HOME may come from one that a customer writes,
// such as the vpasswd of a domain.
type Place struct {
	ID
	Dir    string // the domain's directory, or the account's
	Domain bool   // Dir is a domain's, and the mailbox is below it; otherwise it is Dir
}

// For becomes, if this program is root's, the user that the site's own files give the
// login's mailbox to, and then sees that HOME is there, see Place.Check. If HOME is not
// the login's mailbox, refused says why: then this program is that user, or nobody if the
// files do not know the login, and must open nothing. err is any other trouble.
func For(site qmail.Home, login Login) (refused, err error) {
	if syscall.Geteuid() != 0 {
		return nil, nil
	}
	place, err := Find(site, login)
	if err != nil {
		return err, setNobody(passwdFile)
	}
	if err := place.SetUser(); err != nil {
		return nil, err
	}
	if err = place.Check(login.Home); err != nil {
		err = fmt.Errorf("HOME %w", err)
	}
	if errors.Is(err, ErrPlace) || safepath.Refused(err) {
		return err, nil
	}
	return nil, err
}

// setNobody becomes the user that owns nothing.
func setNobody(passwd string) error {
	nobody, err := ofAccount(passwd, "nobody")
	if err != nil {
		return err
	}
	return nobody.SetUser()
}

// Find finds out where a login's mailbox must be: in the directory that users/cdb gives
// its domain, or an alias domain; without VPOPUSER, in that of its account in /etc/passwd.
// A VPOPUSER without a domain is in vpopmail's default domain.
func Find(site qmail.Home, login Login) (Place, error) { return find(site, login, passwdFile) }

func find(site qmail.Home, login Login, passwd string) (Place, error) {
	name := cmp.Or(login.VPOPUser, login.User)
	_, domain := qmail.SplitLogin(name)
	if domain != "" {
		return inDomain(site, domain)
	}
	if login.VPOPUser == "" {
		return ofAccount(passwd, name)
	}
	domain, err := defaultDomain(passwd)
	if err != nil {
		return Place{}, err
	}
	return inDomain(site, domain)
}

func inDomain(site qmail.Home, domain string) (Place, error) {
	users, err := site.Users()
	if err != nil {
		return Place{}, err
	}
	defer users.Close()
	entry, found, err := users.Domain(domain)
	if err != nil {
		return Place{}, err
	}
	if !found {
		return Place{}, fmt.Errorf("%s does not know the login's domain: HOME %w", site.Path("users/cdb"), ErrPlace)
	}
	return InDomain(entry), nil
}

// InDomain is where the mailboxes of a domain in users/cdb are.
func InDomain(domain qmail.Domain) Place {
	return Place{ID{domain.UID, domain.GID}, domain.Dir, true}
}

// Check is ErrPlace unless home is where it must be, both paths resolved as package
// safepath does, and belongs to the right user.
func (p Place) Check(home string) error {
	real, uid, _, err := safepath.Owned(home)
	if err != nil {
		return named(home, err)
	}
	dir, err := safepath.Resolve(p.Dir)
	if err != nil {
		return fmt.Errorf("%s: the directory of its domain or account: %w", home, err)
	}
	switch {
	case uid == 0:
		return fmt.Errorf("%s %w: give it to the mailbox's own user", home, ErrRoot)
	case p.Domain && !safepath.Below(real, dir):
		return fmt.Errorf("%s %w: it is not below %s, the directory of the login's domain in users/cdb", home, ErrPlace, p.Dir)
	case !p.Domain && real != dir:
		return fmt.Errorf("%s %w: its account has the directory %s", home, ErrPlace, p.Dir)
	case uid != p.UID:
		return fmt.Errorf("%s %w: it belongs to uid %d, and the mailbox must belong to uid %d", home, ErrPlace, uid, p.UID)
	}
	return nil
}

// named puts a path before an error that names only a part of it.
func named(path string, err error) error {
	var at *safepath.Error
	if errors.As(err, &at) && at.Path == path {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}
