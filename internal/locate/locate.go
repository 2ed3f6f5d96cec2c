// Package locate finds the Maildir that an administrator means by a login or a path on a
// command line. It is for programs that people run, not for those that
// run for each connection, since it asks the system about its users.
package locate

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"vodmr/internal/account"
	"vodmr/internal/address"
	"vodmr/internal/safepath"
	"vodmr/internal/setuser"
	"vodmr/internal/vpasswd"
	"vodmr/maildir"
	"vodmr/qmail"
)

// A Place is the mailbox that a customer's mail waits in.
type Place struct {
	Name    string // the argument
	Login   string // "" if a Maildir was named
	Home    string // the mailbox's directory
	Maildir string // absolute, or relative to Home
	Owned   string // its owner's rights are wanted: Home, or the Maildir that was named

	site *setuser.Place // the login's place by the site's files; nil if a Maildir was named
}

// SetUser gives root's rights up for those of the user that the mailbox belongs to: for a
// login the one that the site's own files name, and Home must be where they say, see
// setuser.Place. For a Maildir that was named it is the owner.
func (p Place) SetUser() error {
	if os.Geteuid() != 0 {
		return nil
	}
	id, err := p.user()
	if err == nil && p.site == nil && id.UID == 0 {
		err = fmt.Errorf("%s %w: give it to the mailbox's own user", p.Owned, setuser.ErrRoot)
	}
	if err == nil {
		err = id.SetUser()
	}
	if err == nil {
		err = p.check()
	}
	return err
}

// user is the one whose rights are wanted.
func (p Place) user() (setuser.ID, error) {
	if p.site != nil {
		return p.site.ID, nil
	}
	return setuser.OwnerOf(p.Owned)
}

// check sees that a login's Home is where the site's own files say.
func (p Place) check() error {
	if p.site == nil {
		return nil
	}
	return p.site.Check(p.Home)
}

// While runs do with the rights that SetUser takes, and then takes root's back; see
// setuser.ID. For what belongs to root do just runs.
func (p Place) While(do func() error) error {
	if os.Geteuid() != 0 {
		return do()
	}
	id, err := p.user()
	if err != nil {
		return err
	}
	err = id.While(func() error {
		if err := p.check(); err != nil {
			return err
		}
		return do()
	})
	if p.site != nil && errors.Is(err, setuser.ErrRoot) {
		return do()
	}
	return err
}

// ErrNotYours means that a Maildir can be read by its owner and by root alone.
var ErrNotYours = errors.New("only root and its owner may do this")

// Yours makes an error that says who may do this of one that comes from a missing right.
// Advice about owners would be wrong then: nothing is wrong with the Maildir.
func (p Place) Yours(err error) error {
	if os.Geteuid() == 0 || !errors.Is(err, os.ErrPermission) && !errors.Is(err, maildir.ErrOwner) {
		return err
	}
	info, statErr := os.Stat(p.Owned)
	if statErr == nil && int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid() {
		return err
	}
	return fmt.Errorf("%s: %w: run this as root or as its owner", p.Owned, ErrNotYours)
}

// ErrUnknown means that there is no such login.
var ErrUnknown = errors.New("no such login")

// Misnamed reports if an error, of Find, of package setuser or of package maildir, is
// about the place that was named and stays until an administrator mends it; all others
// may pass.
func Misnamed(err error) bool {
	misnamed := []error{ErrUnknown, ErrNotYours, setuser.ErrRoot, setuser.ErrPlace, maildir.ErrMissing, maildir.ErrOwner,
		os.ErrNotExist, syscall.ENOTDIR}
	return safepath.Refused(err) || slices.ContainsFunc(misnamed, func(wrong error) bool { return errors.Is(err, wrong) })
}

// Find returns the place that an argument means: a Maildir if it has a slash in it, a login
// if not. It does not check if the place exists.
func Find(site qmail.Home, arg string) (Place, error) {
	if strings.Contains(arg, "/") {
		path, err := filepath.Abs(arg)
		return Place{Name: arg, Home: filepath.Dir(path), Maildir: path, Owned: path}, err
	}
	home, must, err := homeOf(site, arg)
	return Place{Name: arg, Login: arg, Home: home, Maildir: "Maildir", Owned: home, site: &must}, err
}

// homeOf finds the directory of a login. If the login has a domain, it is in the domain's
// directory in users/cdb; or the one that the site's own vpasswd names, as on a front without
// qmail; or that of the system user that has the domain by virtualdomains. Without a domain it
// is the system user's. must is what the directory must fit.
func homeOf(site qmail.Home, login string) (home string, must setuser.Place, err error) {
	local, domain := address.Split(login)
	if domain == "" {
		return systemHome(local)
	}
	if local == "" || local == "." || local == ".." {
		return "", must, ErrUnknown
	}
	users, err := site.Users()
	if err != nil {
		return "", must, err
	}
	defer users.Close()
	entry, found, err := users.Domain(domain)
	if err != nil {
		return "", must, err
	}
	if found {
		return accountHome(entry.Dir, address.Lower(local)), setuser.InDomain(entry), nil
	}
	if home, must, err := listedHome(site, login); err != nil || home != "" {
		return home, must, err
	}
	return virtualHome(site, domain)
}

// accountHome is a mailbox's directory in its domain's: of its own name or, if
// vpopmail put it among many, the one that vpasswd names. If vpasswd names a place
// elsewhere, it is not believed, since root may ask. Nor is anything of it told, as the domain's owner
// could put a link to any file in its place.
func accountHome(domain, local string) string {
	home := domain + "/" + local
	text, err := qmail.ReadFile(domain + "/vpasswd")
	if err != nil {
		return home
	}
	entries, _ := vpasswd.Parse(string(text))
	entry, found := vpasswd.Find(entries, local)
	if dir := filepath.Clean(entry.Dir); found && safepath.Below(dir, domain) {
		return dir
	}
	return home
}

// virtualHome is the home of the system user that virtualdomains names before a
// domain's addresses: all of the prefix, or what stands before one of its hyphens.
func virtualHome(site qmail.Home, domain string) (string, setuser.Place, error) {
	virtual, err := site.VirtualDomains()
	if err != nil {
		return "", setuser.Place{}, err
	}
	prefix, _ := virtual.Prefix(domain)
	for prefix != "" {
		home, must, err := systemHome(prefix)
		if !errors.Is(err, ErrUnknown) {
			return home, must, err
		}
		prefix = prefix[:max(strings.LastIndexByte(prefix, '-'), 0)]
	}
	return "", setuser.Place{}, fmt.Errorf("%w: neither users/cdb nor control/virtualdomains in %s knows %s; a Maildir is named with a / in it",
		ErrUnknown, site.Path(""), domain)
}

// systemHome is the home of a user of the system.
func systemHome(name string) (string, setuser.Place, error) {
	found, err := account.Find(name)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown || name == "" {
		return "", setuser.Place{}, fmt.Errorf("%w: the system has no user %q; a Maildir is named with a / in it", ErrUnknown, name)
	}
	if err != nil {
		return "", setuser.Place{}, err
	}
	must := setuser.Place{ID: setuser.ID{UID: found.UID, GID: found.GID}, Dir: found.Home}
	return found.Home, must, nil
}
