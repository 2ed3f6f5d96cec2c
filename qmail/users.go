package qmail

import (
	"bytes"
	"errors"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/internal/address"
	"vodmr/internal/safepath"
)

// Users is users/cdb, if vpopmail enters its domains. See qmail-users(5).
type Users struct{ cdb *CDB } // empty, and of no file, if the site has none

// A Domain is a domain's entry in users/cdb.
type Domain struct {
	Name string // the real domain, lower case, also if an alias was asked for
	UID  uint32
	GID  uint32
	Dir  string // its directory, cleaned
}

// Users opens users/cdb. An absent file is a Users without entries; any other
// failure is an error, which wraps ErrDamaged if the content is at fault, and ErrWritable if
// others can write to the file.
func (h Home) Users() (*Users, error) {
	cdb, err := openDatabase(h.Path("users/cdb"), openTrusted)
	if errors.Is(err, unix.ENOENT) {
		return &Users{&CDB{}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &Users{cdb}, nil
}

// Close closes the file.
func (u *Users) Close() error {
	if u.cdb.file == nil {
		return nil
	}
	return u.cdb.Close()
}

// Domain looks a domain up by its name or by an alias domain's name.
func (u *Users) Domain(name string) (Domain, bool, error) {
	key := []byte("!" + address.Lower(name) + "-")
	value, found, err := u.cdb.Find(key)
	if err != nil || !found || !isDomainEntry(value) {
		return Domain{}, false, err
	}
	if system, err := u.isSystemUser(key); system || err != nil {
		return Domain{}, false, err
	}
	d, err := u.parse(value)
	return d, err == nil, err
}

// Holding finds the domain of which the directory is home or holds it. The longest
// directory comes first. If there is none, it is tried again with the links in home
// resolved.
func (u *Users) Holding(home string) (Domain, bool, error) {
	d, found, err := u.holding(path.Clean(home))
	if found || err != nil {
		return d, found, err
	}
	real, err := safepath.Resolve(home)
	if err != nil || real == path.Clean(home) {
		return Domain{}, false, nil
	}
	return u.holding(real)
}

func (u *Users) holding(home string) (best Domain, found bool, err error) {
	err = u.cdb.Each(func(key, value []byte) error {
		if !isWildcard(key) || !isDomainEntry(value) {
			return nil
		}
		d, err := u.parse(value)
		if err != nil || !d.Holds(home) || len(d.Dir) <= len(best.Dir) {
			return err
		}
		system, err := u.isSystemUser(key)
		if err == nil && !system {
			best, found = d, true
		}
		return err
	})
	if err != nil {
		return Domain{}, false, err
	}
	return best, found, nil
}

// Holds reports if a cleaned path is the domain's directory or lies in it. The
// root directory and a relative one hold nothing: no domain lives there.
func (d Domain) Holds(home string) bool {
	return len(d.Dir) > 1 && d.Dir[0] == '/' && strings.HasPrefix(home+"/", d.Dir+"/")
}

// HoldsReal is Holds, tried again with those links in both paths resolved that package
// safepath follows.
func (d Domain) HoldsReal(home string) bool {
	if d.Holds(path.Clean(home)) {
		return true
	}
	real, err := safepath.Resolve(home)
	if err != nil {
		return false
	}
	dir, err := safepath.Resolve(d.Dir)
	return err == nil && Domain{Dir: dir}.Holds(real)
}

// isWildcard reports if a key is `!name-`, an entry for all that follows the
// hyphen; an exact entry's key ends in NUL.
func isWildcard(key []byte) bool {
	return len(key) > 2 && key[0] == '!' && key[len(key)-1] == '-'
}

// isSystemUser tells a system user such as john.doe from a domain: qmail-pw2u
// gives it an exact entry beside the one for john.doe-anything.
func (u *Users) isSystemUser(wildcard []byte) (bool, error) {
	exact := append(bytes.Clone(wildcard[:len(wildcard)-1]), 0)
	_, found, err := u.cdb.Find(exact)
	return found, err
}

// isDomainEntry tells a domain of vpopmail from most system users by the dot in
// the name that the value starts with.
func isDomainEntry(value []byte) bool {
	name, _, _ := bytes.Cut(value, []byte{0})
	return bytes.IndexByte(name, '.') >= 0
}

// parse reads `name NUL uid NUL gid NUL dir NUL dash NUL ext`. qmail-newu writes no NUL
// after ext.
func (u *Users) parse(value []byte) (Domain, error) {
	f := strings.SplitN(string(value), "\x00", 6)
	if len(f) < 6 {
		return Domain{}, u.cdb.damaged("an entry lacks a field")
	}
	uid, err1 := strconv.ParseUint(f[1], 10, 32)
	gid, err2 := strconv.ParseUint(f[2], 10, 32)
	if err1 != nil || err2 != nil || f[3] == "" {
		return Domain{}, u.cdb.damaged("an entry has a bad uid, gid or directory")
	}
	return Domain{address.Lower(f[0]), uint32(uid), uint32(gid), path.Clean(f[3])}, nil
}
