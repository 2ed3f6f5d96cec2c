package confine

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// The usual accounts of a process that reads what strangers send. The second is there on
// each system, but other programs may run as it too.
const (
	readerAccount   = "vodmr"
	fallbackAccount = "nobody"
)

// LookUpReader finds the account of a process that reads what strangers send, by default
// vodmr, or nobody. It is not root. Without root's rights the process stays the present user,
// and no account is needed: nil.
func LookUpReader(name string) (*User, error) {
	if name == "" && os.Geteuid() == 0 {
		name = readerAccount
		if _, err := LookUp(name); errors.As(err, new(user.UnknownUserError)) {
			name = fallbackAccount
		}
	}
	found, err := LookUp(name)
	if err == nil && found != nil && found.UID == 0 {
		return nil, fmt.Errorf("account %s is root: -u needs one that owns nothing", found.Name)
	}
	return found, err
}

// Encode writes an account for the environment of the process that is to become it, as
// UID:GID:NAME; empty for none.
func (u *User) Encode() string {
	if u == nil {
		return ""
	}
	return fmt.Sprintf("%d:%d:%s", u.UID, u.GID, u.Name)
}

// DecodeReader reads what Encode wrote. Root without an account is an error.
func DecodeReader(text string) (*User, error) {
	if text == "" {
		if os.Geteuid() == 0 {
			return nil, errors.New("root reads nothing from strangers: the first process did not say who to become")
		}
		return nil, nil
	}
	uid, rest, _ := strings.Cut(text, ":")
	gid, name, _ := strings.Cut(rest, ":")
	u, err1 := strconv.ParseUint(uid, 10, 32)
	g, err2 := strconv.ParseUint(gid, 10, 32)
	return &User{Name: name, UID: uint32(u), GID: uint32(g)}, errors.Join(err1, err2)
}

// EnterReader makes this process the account that Encode wrote, which owns nothing, and keeps
// it from all files and connections. Without root's rights it stays who it is.
func EnterReader(text string) error {
	account, err := DecodeReader(text)
	if err == nil {
		err = account.Enter()
	}
	if err == nil {
		err = CloseOff()
	}
	return err
}
