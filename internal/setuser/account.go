package setuser

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/qmail"
)

const (
	passwdFile = "/etc/passwd"
	// vpopmail is the account of vpopmail, and its directory if there is no such account.
	vpopmail     = "vpopmail"
	vpopmailHome = "/home/vpopmail"
)

// errNoAccount is the error if the file of accounts does not have one.
var errNoAccount = errors.New("no such account")

// ofAccount is the place of a system account's mailbox, by a file as passwd(5) has it.
// The file is read here since package os/user would cost each connection more.
func ofAccount(passwd, name string) (Place, error) {
	text, err := qmail.ReadFile(passwd)
	if err != nil {
		return Place{}, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) < 7 || f[0] != name || name == "" {
			continue
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return Place{}, fmt.Errorf("%s: the account %s: %w", passwd, name, err)
		}
		return Place{ID{uint32(uid), uint32(gid)}, f[5], false}, nil
	}
	return Place{}, fmt.Errorf("%s: %w: %q: HOME %w", passwd, errNoAccount, name, ErrPlace)
}

// defaultDomain is vpopmail's domain for logins without one, in etc/defaultdomain below
// the home directory of the account vpopmail. It is not repeated in an error's text,
// since vpopmail could have put any file there.
func defaultDomain(passwd string) (string, error) {
	home := vpopmailHome
	account, err := ofAccount(passwd, vpopmail)
	if err == nil {
		home = account.Dir
	} else if !errors.Is(err, errNoAccount) {
		return "", err
	}
	file := home + "/etc/defaultdomain"
	text, err := qmail.ReadFile(file)
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
		return "", err
	}
	domain, _, _ := strings.Cut(string(text), "\n")
	if domain = strings.Trim(domain, " \t\r"); domain == "" {
		return "", fmt.Errorf("VPOPUSER has no domain, and %s names none: HOME %w", file, ErrPlace)
	}
	return domain, nil
}
