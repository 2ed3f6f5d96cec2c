package locate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"vodmr/internal/address"
	"vodmr/internal/setuser"
	"vodmr/internal/vpasswd"
	"vodmr/qmail"
)

// On a front without qmail the home of the control files is also the service's folder: it
// holds the logins in vpasswd, and the service's variables in env.

// listedHome is the directory of a login in the site's vpasswd, the file of vodmr-checkpw. It is "" if the
// site has no such file. If the file has no such login, the error is ErrUnknown.
func listedHome(site qmail.Home, login string) (home string, must setuser.Place, err error) {
	path := site.Path("vpasswd")
	text, err := qmail.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return "", must, nil
	}
	if err != nil {
		return "", must, err
	}
	entries, _ := vpasswd.Parse(string(text))
	entry, found := vpasswd.Find(entries, address.Lower(login))
	if !found {
		return "", must, fmt.Errorf("%w: %s has no %s; a Maildir is named with a / in it", ErrUnknown, path, login)
	}
	must = setuser.Place{ID: setuser.ID{UID: uint32(entry.UID), GID: uint32(entry.GID)}, Dir: filepath.Clean(entry.Dir)}
	return must.Dir, must, mayName(path, must.UID)
}

// mayName is qmail.ErrWritable unless the file is root's or the account's, and nobody else may
// write to it: it says whose rights root takes.
func mayName(path string, uid uint32) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if info.Mode().Perm()&0o022 != 0 || owner != 0 && owner != uid {
		return fmt.Errorf("%s %w: chmod 600 it, and give it to root or to the account that it names", path, qmail.ErrWritable)
	}
	return nil
}

// Environ returns the variables of this process. If VODMR_MTA is not among them, it is the
// service's, from its env folder: people who type a command have not set it.
func Environ(site qmail.Home) func(name string) string {
	return func(name string) string {
		value := os.Getenv(name)
		if name != "VODMR_MTA" || value != "" {
			return value
		}
		text, err := qmail.ReadFile(site.Path("env/" + name))
		if err != nil {
			return ""
		}
		first, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimRight(first, " \t")
	}
}
