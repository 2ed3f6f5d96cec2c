package grant

import (
	"bytes"
	"errors"
	"hash/fnv"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/internal/address"
	"vodmr/internal/logintimes"
	"vodmr/qmail"
)

// A Login is a login at the time when its password was checked.
type Login struct {
	Name string // as typed
	file string // where the checkpassword program found it; "" if that is not known
	seen fileState
}

// NewLogin looks at the file of logins that the checkpassword program names in the
// environment. Call it at once, so that no later change of the file is missed.
func NewLogin(name string, env func(name string) string) Login {
	l := Login{Name: name, file: env(logintimes.Variable)}
	if l.file != "" {
		l.seen, _ = stateOf(l.file) // each look fails too, and says so
	}
	return l
}

// logins is a file of logins, of which one is looked at.
type logins struct {
	file    string // "" for none
	key     string // the login
	entry   func(file, key string, state fileState) account
	seen    fileState
	at      account
	doubted bool // it differed at the last look
}

// An account is how a login stands in a file.
type account struct {
	known bool   // mark is valid
	mark  string // differs if the login's line does; "" if there is none
}

// logins finds the file: the one that the checkpassword program named, or vpopmail's in the
// domain's folder. If there is none, as with logins in a database, nothing is looked at.
func (g *Grant) logins(login Login) logins {
	l := logins{file: login.file, key: address.Lower(login.Name), entry: entryOfFile, seen: login.seen}
	if l.file == "" && g.domain != nil {
		l = g.vpopmails()
	}
	if l.file == "" {
		return l
	}
	if now, err := stateOf(l.file); now == l.seen && err == nil {
		l.at = l.entry(l.file, l.key, now)
	}
	return l
}

// vpopmails is the domain's vpasswd.cdb, or without that its vpasswd.
func (g *Grant) vpopmails() (l logins) {
	l.key, _, _ = strings.Cut(g.Login, "@")
	file := path.Join(g.domain.Dir, "vpasswd")
	if state, err := stateOf(file + ".cdb"); err == nil && state != (fileState{}) {
		l.file, l.seen, l.entry = file+".cdb", state, entryOfCDB
	} else if state, err = stateOf(file); err == nil && state != (fileState{}) {
		l.file, l.seen, l.entry = file, state, entryOfText
	}
	return l
}

// look is Right's. A difference counts once it was seen twice: an editor may be half-way
// through the file, or make may not have made the times yet.
func (l *logins) look() (lost string, soon bool, err error) {
	if l.file == "" {
		return "", false, nil
	}
	now, err := stateOf(l.file)
	if err != nil || now == l.seen {
		l.doubted = false
		return "", false, err
	}
	account := l.entry(l.file, l.key, now)
	if account == l.at && account.known {
		l.seen, l.doubted = now, false
		return "", false, nil
	}
	if !l.doubted {
		l.doubted = true
		return "", true, nil
	}
	switch {
	case !account.known || !l.at.known:
		return loginsChanged, false, nil
	case account.mark == "":
		return loginRemoved, false, nil
	}
	return passwordChanged, false, nil
}

// entryOfFile finds a login of vodmr-checkpw: by the times of the file, or by the file itself
// if this process may read it.
func entryOfFile(file, login string, state fileState) account {
	times, err := qmail.OpenCDB(logintimes.Name(file))
	if err != nil {
		return entryOfText(file, login, state)
	}
	defer times.Close()
	head, _, err := times.Find(nil)
	if err != nil || string(head) != logintimes.Head(state.changed, state.size) {
		return entryOfText(file, login, state)
	}
	value, _, err := times.Find([]byte(login))
	return account{err == nil, string(value)}
}

// entryOfCDB finds a login of vpopmail in vpasswd.cdb.
func entryOfCDB(file, login string, _ fileState) account {
	cdb, err := qmail.OpenCDB(file)
	if err != nil {
		return account{}
	}
	defer cdb.Close()
	line, found, err := cdb.Find([]byte(login))
	if !found || err != nil {
		return account{known: err == nil}
	}
	defer clear(line)
	return account{true, digest(line)}
}

// entryOfText finds a login in the file itself, which may be long. Its line holds a password,
// and only a digest of it is kept.
func entryOfText(file, login string, _ fileState) account {
	found, key := account{known: true}, []byte(login)
	err := qmail.EachLine(file, func(line []byte) (more bool) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		// EqualFold takes no memory, but for it more letters are the same.
		if !bytes.EqualFold(name, key) || address.Lower(string(name)) != login {
			return true
		}
		found.mark = digest(bytes.TrimSpace(line))
		return false
	})
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return account{}
	}
	return found
}

func digest(line []byte) string {
	sum := fnv.New64a()
	_, _ = sum.Write(line)
	return strconv.FormatUint(sum.Sum64(), 36)
}
