// Package account owns the look-up of the system's accounts. It is not for programs that
// start for each connection: the system's answer may come from a network.
package account

import (
	"errors"
	"os/user"
	"strconv"
)

// An Account is one of the system's users.
type Account struct {
	Name     string
	UID, GID uint32
	Home     string
}

// Find looks an account up by its name. An error that wraps user.UnknownUserError says
// that there is none.
func Find(name string) (Account, error) {
	found, err := user.Lookup(name)
	if err != nil {
		return Account{}, err
	}
	uid, err1 := strconv.ParseUint(found.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(found.Gid, 10, 32)
	return Account{found.Username, uint32(uid), uint32(gid), found.HomeDir}, errors.Join(err1, err2)
}
