package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"vodmr/internal/confine"
)

// The usual accounts of the talker. The second is there on each system, but other programs
// may run as it too.
const (
	talkerAccount   = "vodmr"
	fallbackAccount = "nobody"
)

// identities are the users that vodmr's two processes become.
type identities struct {
	talker  *confine.User // at once; nil for the present user
	program *confine.User // with the checkpassword program; nil for the present user
}

// findAccounts looks up the accounts that the command line names. The talker's must be
// one that strangers may have: neither root, nor the one that the program runs as.
func findAccounts(o flags) (found identities, err error) {
	if found.talker, err = findTalker(o.account); err != nil {
		return found, err
	}
	if found.program, err = confine.LookUp(o.progAs); err != nil {
		return found, err
	}
	switch {
	case found.talker == nil:
		return found, nil
	case found.talker.UID == 0:
		return found, fmt.Errorf("account %s is root: -u needs one that owns nothing", found.talker.Name)
	case found.program != nil && found.program.UID == found.talker.UID:
		return found, fmt.Errorf("account %s is that of -U: make the account vodmr, which owns nothing, or name one with -u", found.talker.Name)
	}
	return found, nil
}

// findTalker is the account of the talker. Without root's rights it stays the present user.
func findTalker(name string) (*confine.User, error) {
	if name == "" && os.Geteuid() == 0 {
		name = talkerAccount
		if _, err := confine.LookUp(name); errors.As(err, new(user.UnknownUserError)) {
			name = fallbackAccount
		}
	}
	return confine.LookUp(name)
}

// talkerVariable tells the talker its account, as UID:GID:NAME.
const talkerVariable = "VODMR_TALKER_ACCOUNT"

// encodeAccount writes an account for the talker; empty for none.
func encodeAccount(u *confine.User) string {
	if u == nil {
		return ""
	}
	return fmt.Sprintf("%d:%d:%s", u.UID, u.GID, u.Name)
}

// decodeAccount reads what encodeAccount wrote.
func decodeAccount(text string) (*confine.User, error) {
	if text == "" {
		return nil, nil
	}
	uid, rest, _ := strings.Cut(text, ":")
	gid, name, _ := strings.Cut(rest, ":")
	u, err1 := strconv.ParseUint(uid, 10, 32)
	g, err2 := strconv.ParseUint(gid, 10, 32)
	return &confine.User{Name: name, UID: uint32(u), GID: uint32(g)}, errors.Join(err1, err2)
}
