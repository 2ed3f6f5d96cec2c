package fetch

import (
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"vodmr/internal/keyhash"
)

// An Invitation is all that a customer must know of a provider. It is one line,
//
//	atrn://LOGIN:SECRET@HOST:PORT/?domain=DOMAIN&domain=DOMAIN&pin=sha256:HASH
//
// as vodmr-front prints it. LOGIN and SECRET are percent-encoded (RFC 3986 section 2.1),
// the port is 366 if there is none, and domains and pin may be missing. Without a secret
// and with the word external, the customer logs in by a key of its own.
type Invitation struct {
	Address Address
	Login   Login    // its password is empty if the line has none
	Domains []string // to ask for; none for all that the login has
	Pin     *Pin     // nil if the system's CAs vouch for the provider

	External bool // the login is by a key
	Key      *Key // that stands beside the line in the file; nil for none
}

// scheme begins an invitation.
const scheme = "atrn://"

// ParseInvitation takes the line. The error is misuse; it shows neither login nor
// password.
func ParseInvitation(line string) (Invitation, error) {
	if len(line) < len(scheme) || !strings.EqualFold(line[:len(scheme)], scheme) {
		return Invitation{}, badInvitation("it does not begin with " + scheme)
	}
	if strings.ContainsFunc(line, notInLine) {
		return Invitation{}, badInvitation("it holds a space or a control character: it must be one line, as the provider sent it")
	}
	line, query, _ := strings.Cut(line[len(scheme):], "?")
	account, host, found := strings.Cut(line, "@")
	if !found {
		return Invitation{}, badInvitation("it has no @ between login and host")
	}
	host = strings.TrimSuffix(host, "/")
	if strings.Contains(host, "@") {
		return Invitation{}, badInvitation("it has more than one @: one in a login or a password is written %40")
	}
	var i Invitation
	var err error
	if i.Address, err = ParseAddress(host, PortODMR); err != nil {
		return Invitation{}, err
	}
	if !isPlainHost(i.Address.Host) {
		return Invitation{}, badInvitation(strconv.Quote(i.Address.Host) + " is neither a host's name nor an IP number")
	}
	if i.Login, err = parseAccount(account); err != nil {
		return Invitation{}, err
	}
	if err = i.parseQuery(query); err == nil && i.External && i.Login.Password != "" {
		err = badInvitation("it has a password, and says that the login is by a key (external)")
	}
	return i, err
}

// notInLine reports if a character has no place in an invitation.
func notInLine(c rune) bool { return c <= ' ' || c == 0x7f }

func badInvitation(what string) error { return misuse("this is no invitation: %s", what) }

// notInLogins are the characters that no login in an invitation has: the login is printed,
// also as a part of a command that somebody will paste into a shell.
func notInLogins(r rune) bool {
	return r == ' ' || !unicode.IsPrint(r) || strings.ContainsRune("\"'`$\\|&;<>()*?[]{}!#~", r)
}

// parseAccount takes LOGIN:SECRET, or LOGIN.
func parseAccount(account string) (Login, error) {
	user, password, _ := strings.Cut(account, ":")
	user, err := url.PathUnescape(user)
	if err == nil {
		password, err = url.PathUnescape(password)
	}
	if err != nil { // its text would show some of the password
		return Login{}, badInvitation("a % in the login or the password is not followed by two hexadecimal digits")
	}
	if user == "" {
		return Login{}, badInvitation("it has no login")
	}
	if strings.ContainsAny(user+password, "\x00\r\n") {
		return Login{}, badInvitation("a login or a password has no line ends")
	}
	if strings.ContainsFunc(user, notInLogins) {
		return Login{}, badInvitation("a login has no blank, no quote, and no other character that means something to a shell or a terminal")
	}
	return Login{User: user, Password: password}, nil
}

// parseQuery takes domain=DOMAIN&pin=PIN. A word that this program does not know may be
// one that must not be left out, so it is refused.
func (i *Invitation) parseQuery(query string) error {
	for word := range strings.SplitSeq(query, "&") {
		if word == "" {
			continue
		}
		name, text, _ := strings.Cut(word, "=")
		value, err := url.PathUnescape(text)
		if err != nil {
			return badInvitation("a % in its " + name + " is not followed by two hexadecimal digits")
		}
		if name == "domain" {
			err = i.addDomains(value)
		} else if name == "pin" {
			err = i.setPin(value)
		} else if word == "external" {
			i.External = true
		} else {
			err = misuse("the invitation's %q is unknown here: a newer atrn may know it", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *Invitation) addDomains(value string) error {
	domains, err := ParseDomains(value)
	for _, domain := range domains {
		if !isPlainName(domain) {
			return badInvitation(strconv.Quote(domain) + " is not a domain's name")
		}
	}
	i.Domains = append(i.Domains, domains...)
	return err
}

// isPlainHost reports if a host is an IP number or a plain name.
func isPlainHost(host string) bool {
	number, err := netip.ParseAddr(host)
	if err == nil && number.Zone() != "" {
		return isPlainName(number.Zone())
	}
	return err == nil || isPlainName(host)
}

// isPlainName reports if a name has nothing but letters, digits, dots, hyphens and
// underscores, and does not begin with a dot or a hyphen. An invitation comes from outside,
// and atrn-conf makes file names, a script and Postfix's settings of its names.
func isPlainName(name string) bool {
	return name != "" && name[0] != '.' && name[0] != '-' && !strings.ContainsFunc(name, notInName)
}

func notInName(c rune) bool {
	return c != '.' && c != '-' && c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c)
}

// setPin takes a public key's pin only: a certificate's own would end with it.
func (i *Invitation) setPin(value string) error {
	if i.Pin != nil {
		return badInvitation("it has two pins")
	}
	pin, err := ParsePin(value)
	if err == nil && !pin.Key {
		err = badInvitation("its pin does not begin with " + keyhash.Prefix)
	}
	i.Pin = &pin
	return err
}

// maxPrivate bounds what is read of a file that holds a secret, in bytes: many domains may
// stand in an invitation, and a chain beside a key.
const maxPrivate = 1 << 20

// ReadInvitation reads a file with one invitation. Empty lines and lines that begin with #
// are passed over. A private key in PEM may be in the file too. Its owner must be root or
// this process's user, and nobody else may have rights to it. A name without a slash is
// looked for among systemd's credentials first, if there are any ($CREDENTIALS_DIRECTORY).
// The name - is standard input: the process that opened it knows who may read it. The error
// is misuse.
func ReadInvitation(name string) (Invitation, error) {
	if name == "-" {
		text, err := io.ReadAll(io.LimitReader(os.Stdin, maxPrivate))
		if err != nil {
			return Invitation{}, unreadable("invitation", err)
		}
		return readInvitation(text, "on standard input")
	}
	text, path, err := readPrivate("invitation", "a password", name)
	if err != nil {
		return Invitation{}, err
	}
	return readInvitation(text, path)
}

// readInvitation takes a file's text; name is for the error.
func readInvitation(text []byte, name string) (Invitation, error) {
	line, hasKey, err := onlyLine(string(text))
	if err != nil {
		return Invitation{}, misuse("cannot read the invitation %s: %v", name, err)
	}
	i, err := ParseInvitation(line)
	if err == nil && hasKey {
		err = i.setKey(text)
	}
	if err != nil {
		return Invitation{}, misuse("the invitation %s: %v", name, err)
	}
	return i, nil
}

// setKey takes the key that stands beside the line.
func (i *Invitation) setKey(text []byte) (err error) {
	if i.Login.Password != "" {
		return errors.New("it holds a password and a key: a login has one of them")
	}
	i.Key, err = ParseKey(text)
	return err
}

// readPrivate reads a file, which is what, if nobody else has rights to it, for it holds a
// secret.
func readPrivate(what, holds, name string) (text []byte, path string, err error) {
	path, credential := findCredential(name, os.Getenv("CREDENTIALS_DIRECTORY"))
	f, err := os.Open(path)
	if err != nil {
		return nil, path, unreadable(what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, path, unreadable(what, err)
	}
	if err := private("the "+what+" "+path, holds, info, credential); err != nil {
		return nil, path, err
	}
	if text, err = io.ReadAll(io.LimitReader(f, maxPrivate)); err != nil {
		err = unreadable(what, err)
	}
	return text, path, err
}

// findCredential returns the path of a file, and if it is one of systemd's credentials,
// which lie in folder.
func findCredential(name, folder string) (path string, credential bool) {
	if folder == "" {
		return name, false
	}
	folder = strings.TrimRight(folder, "/") + "/"
	if !strings.Contains(name, "/") {
		if _, err := os.Lstat(folder + name); err == nil {
			return folder + name, true
		}
	}
	rest, inside := strings.CutPrefix(name, folder)
	return name, inside && !strings.Contains(rest, "/")
}

// private refuses a file that others can read or change. systemd gives a service's user
// the right to a credential by an access control list, which shows as a right of its
// group, root's.
func private(what, holds string, info fs.FileInfo, credential bool) error {
	others := fs.FileMode(0o077)
	if credential {
		others = 0o037
	}
	if !info.Mode().IsRegular() {
		return misuse("%s is not a file", what)
	}
	if mode := info.Mode().Perm(); mode&others != 0 {
		return misuse("%s has mode %04o, and it holds %s: run chmod 600 on it", what, mode, holds)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if uid := os.Geteuid(); ok && st.Uid != 0 && int(st.Uid) != uid {
		return misuse("%s belongs to uid %d, which is neither root nor this program's, %d: chown it", what, st.Uid, uid)
	}
	return nil
}

// onlyLine returns the one line that is neither empty nor a comment, without the blanks
// around it. Blocks in PEM are passed over; hasKey says that one of them is a private key.
func onlyLine(text string) (line string, hasKey bool, err error) {
	inside := false
	for each := range strings.Lines(text) {
		each = strings.TrimSpace(each)
		begins, ends := strings.HasPrefix(each, "-----BEGIN "), strings.HasPrefix(each, "-----END ")
		hasKey = hasKey || begins && strings.HasSuffix(each, "PRIVATE KEY-----")
		if inside || begins || ends {
			inside = !ends
			continue
		}
		if each == "" || each[0] == '#' {
			continue
		}
		if line != "" {
			return "", false, errors.New("it holds more than one line: is it a line that was broken on its way? Join its parts without spaces")
		}
		line = each
	}
	if line == "" {
		return "", false, errors.New("it is empty")
	}
	return line, hasKey, nil
}
