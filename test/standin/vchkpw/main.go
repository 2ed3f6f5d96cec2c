// Vchkpw stands in for vpopmail's program of that name in tests. It is a
// checkpassword program and keeps each rule of the real one that a caller can see,
// especially the inconvenient ones:
//
//   - it keeps 155 bytes of descriptor 3 and splits them at NULs: if there is more
//     input, a right password becomes wrong, and a NUL in a login shifts the fields;
//   - it checks CRAM-MD5 only if it takes the connection for SMTP: if TCPLOCALPORT is
//     25, 465 or 587, or if its program's name contains "true";
//   - for SMTP it keeps the user, group and directory; for other protocols it changes
//     all three;
//   - it must run as root or as the domain's user;
//   - it exits 12 or 13 if a field is empty, and 3 for any other error;
//   - if it takes the connection for SMTP, it refuses an account with NO_SMTP, and
//     a domain if .qmailadmin-limits disables SMTP for it;
//   - HOME comes from the domain's own vpasswd, which the domain's owner can write,
//     and VPOPUSER is the login as typed;
//   - it reads vpasswd.cdb, and not vpasswd, which only a test without vmkpasswd may have
//     alone;
//   - it leaves the descriptors from 4 on open.
//
// Domains are folders of $VCHKPW_DOMAINS, each with a vpasswd file and owned by the
// domain's user; a link to such a folder is an alias domain. A login without a domain
// gets $VCHKPW_DEFAULT_DOMAIN if that is set, otherwise the domain in vpopmail's
// etc/defaultdomain, beside the folder of the domains.
package main

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-crypt/crypt"
	"golang.org/x/sys/unix"

	"vodmr/auth"
	"vodmr/internal/child"
	"vodmr/internal/vpasswd"
	"vodmr/qmail"
)

const (
	exitNoProgram  = 4 // one of the codes for an incorrect set-up
	exitWrong      = 3
	exitNoFD3      = 11
	exitNoLogin    = 12
	exitNoPassword = 13
	exitBadSyntax  = 20
)

func main() {
	code, err := run(os.Args[1:])
	fmt.Fprintln(os.Stderr, "vchkpw:", err)
	os.Exit(code)
}

// run returns an exit code and the reason; it does not return if the login succeeds.
func run(argv []string) (int, error) {
	if len(argv) == 0 {
		return exitNoProgram, fmt.Errorf("no program to run")
	}
	if !given(3) {
		return exitNoFD3, fmt.Errorf("no descriptor 3")
	}
	in := os.NewFile(3, "descriptor 3")
	input, err := io.ReadAll(in)
	if err != nil {
		return exitNoFD3, err
	}
	in.Close()
	c, code := split(input)
	if code != 0 {
		return code, fmt.Errorf("an empty field")
	}
	name, domain, ok := splitLogin(c.Login)
	if !ok {
		return exitBadSyntax, fmt.Errorf("login %q", c.Login)
	}
	folder := filepath.Join(os.Getenv("VCHKPW_DOMAINS"), domain)
	owner, err := mayServe(folder)
	if err != nil {
		return exitWrong, err
	}
	smtp := takenForSMTP(argv[0])
	entry, err := find(folder, name)
	if err != nil {
		return exitWrong, err
	}
	if smtp && noSMTP(folder, entry) {
		return exitWrong, fmt.Errorf("no SMTP for %q", c.Login)
	}
	if !right(entry, c, smtp) {
		return exitWrong, fmt.Errorf("wrong password for %q", c.Login)
	}
	if !smtp {
		if err := enter(owner, entry.Dir); err != nil {
			return exitNoProgram, err
		}
	}
	return execute(argv, c.Login, entry)
}

// given reports if a descriptor existed at the start. Go's own descriptors, which may
// have taken the number, are closed on exec.
func given(fd uintptr) bool {
	flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// kept is how many bytes of descriptor 3 fit into the buffer of the real vchkpw.
const kept = 155

// split reads fields up to their NULs. Everything after the third is ignored, and so
// is a last field without a NUL.
func split(input []byte) (auth.Credentials, int) {
	f := strings.SplitN(string(input[:min(len(input), kept)])+"\x00\x00\x00", "\x00", 4)
	switch {
	case f[0] == "":
		return auth.Credentials{}, exitNoLogin
	case f[1] == "":
		return auth.Credentials{}, exitNoPassword
	}
	return auth.Credentials{Login: f[0], Secret: f[1], Challenge: f[2]}, 0
}

// splitLogin takes a login apart at the first separator, in lower case.
func splitLogin(login string) (name, domain string, ok bool) {
	login = strings.ToLower(login)
	i := strings.IndexAny(login, "@%/")
	if i < 0 {
		name, domain = login, defaultDomain()
	} else {
		name, domain = login[:i], login[i+1:]
	}
	return name, domain, name != "" && domain != "" && !strings.ContainsAny(domain, "@%/")
}

// defaultDomain is the domain of a login that names none; it may be "".
func defaultDomain() string {
	if domain := os.Getenv("VCHKPW_DEFAULT_DOMAIN"); domain != "" {
		return domain
	}
	file := filepath.Join(filepath.Dir(filepath.Clean(os.Getenv("VCHKPW_DOMAINS"))), "etc/defaultdomain")
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSpace(string(text)))
}

// mayServe returns the owner of the folder's domain, and reports if this process may
// check its passwords.
func mayServe(folder string) (*syscall.Stat_t, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(folder, &st); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	if uid := os.Geteuid(); uid != 0 && uid != int(st.Uid) {
		return nil, fmt.Errorf("uid %d is neither root nor the domain's", uid)
	}
	return &st, nil
}

// takenForSMTP reports if vchkpw takes the connection for SMTP AUTH.
func takenForSMTP(program string) bool {
	switch os.Getenv("TCPLOCALPORT") {
	case "25", "465", "587":
		return true
	}
	return strings.Contains(program, "true")
}

// find looks into vpasswd.cdb if there is one, as the real vchkpw always does: a change of
// vpasswd counts after vmkpasswd.
func find(folder, name string) (vpasswd.Entry, error) {
	db, err := qmail.OpenCDB(filepath.Join(folder, "vpasswd.cdb"))
	if errors.Is(err, os.ErrNotExist) {
		return findText(folder, name)
	} else if err != nil {
		return vpasswd.Entry{}, err
	}
	defer db.Close()
	line, known, err := db.Find([]byte(name))
	if err == nil && !known {
		err = fmt.Errorf("no account %q in %s", name, folder)
	}
	if err != nil {
		return vpasswd.Entry{}, err
	}
	return vpasswd.ParseLine(name + ":" + string(line))
}

func findText(folder, name string) (vpasswd.Entry, error) {
	text, err := os.ReadFile(filepath.Join(folder, "vpasswd"))
	if err != nil {
		return vpasswd.Entry{}, err
	}
	entries, bad := vpasswd.Parse(string(text))
	if len(bad) > 0 {
		return vpasswd.Entry{}, bad[0]
	}
	e, ok := vpasswd.Find(entries, name)
	if !ok {
		return e, fmt.Errorf("no account %q in %s", name, folder)
	}
	return e, nil
}

// flagNoSMTP is the bit of vpasswd's fourth field that vmoduser -s sets.
const flagNoSMTP = 2048

// noSMTP reports if the account, or its whole domain, may not use SMTP.
func noSMTP(folder string, e vpasswd.Entry) bool {
	if e.GID&flagNoSMTP != 0 {
		return true
	}
	text, err := os.ReadFile(filepath.Join(folder, ".qmailadmin-limits"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 && words[0] == "disable_smtp" {
			return true
		}
	}
	return false
}

// right reports if the password is correct. It checks CRAM-MD5 if the connection is
// SMTP and there is a challenge; otherwise a plain password against its crypt.
func right(e vpasswd.Entry, c auth.Credentials, smtp bool) bool {
	if smtp && c.Challenge != "" {
		mac := hmac.New(md5.New, []byte(e.Clear))
		mac.Write([]byte(c.Challenge))
		return e.Clear != "" && c.Secret == hex.EncodeToString(mac.Sum(nil))
	}
	// All kinds are known, because vpopmail mostly writes MD5.
	decoder, err := crypt.NewDecoderAll()
	if err != nil {
		return false
	}
	digest, err := decoder.Decode(e.Crypt)
	return err == nil && digest.Match(c.Secret)
}

// enter becomes the domain's user in the account's folder, as for POP.
func enter(owner *syscall.Stat_t, dir string) error {
	if err := syscall.Setgid(int(owner.Gid)); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	if err := syscall.Setuid(int(owner.Uid)); err != nil {
		return fmt.Errorf("setuid: %w", err)
	}
	return os.Chdir(dir)
}

func execute(argv []string, login string, e vpasswd.Entry) (int, error) {
	for name, value := range map[string]string{
		"USER": e.Name, "HOME": e.Dir, "SHELL": "NOLOGIN", "VPOPUSER": login,
	} {
		os.Setenv(name, value)
	}
	path, err := child.LookPath(argv[0], os.Getenv("PATH"))
	if err != nil {
		return exitNoProgram, err
	}
	return exitNoProgram, syscall.Exec(path, argv, os.Environ())
}
