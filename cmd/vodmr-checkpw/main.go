// Vodmr-checkpw is a checkpassword program for a site without vpopmail: it
// checks what it reads from descriptor 3 against a file in vpasswd format and,
// after a right password, runs the program that it was given.
package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"vodmr/auth"
	"vodmr/internal/child"
	"vodmr/internal/getopt"
	"vodmr/internal/keyhash"
	"vodmr/internal/logintimes"
	"vodmr/internal/logline"
	"vodmr/internal/setuser"
	"vodmr/internal/verdict"
	"vodmr/internal/vpasswd"
)

// Exit codes of a checkpassword program.
const (
	exitRefused   = 1
	exitMisuse    = 2
	exitTemporary = 111
)

const program = "vodmr-checkpw"

func main() {
	os.Exit(run(os.Args[1:], os.Environ()))
}

// run returns an exit code; after a right password it does not return, for the
// process is another program then.
func run(args, environ []string) int {
	file := ""
	cmd := command(&file)
	args, err := cmd.Read(args)
	if err == nil && file != "" && len(args) == 0 {
		return makeIndex(file)
	}
	if err == nil && (file != "" || len(args) < 2) {
		err = errors.New("FILE and PROG are needed, or -m FILE alone")
	}
	if err != nil {
		return cmd.Exit(err, exitMisuse)
	}
	c, code := readCredentials(credentialsFD)
	if code != 0 {
		return sayRefused(code)
	}
	unix.Close(credentialsFD)
	e, code := check(args[0], c, os.Getenv(auth.ExternalVariable))
	if code != 0 {
		return sayRefused(code)
	}
	// If the program cannot even start, vodmr must not take that for a wrong password.
	_ = verdict.Say(verdict.Begun)
	if err := (setuser.ID{UID: uint32(e.UID), GID: uint32(e.GID)}).SetUser(); err != nil {
		return say(exitTemporary, e.Name+": "+err.Error())
	}
	return execute(args[1:], account(environ, args[0], c.Login, e))
}

func command(file *string) *getopt.Command {
	return &getopt.Command{
		Program: program, Section: 8, Forms: []string{"FILE PROG ARG...", "-m FILE"}, Ends: getopt.AtFirstWord,
		Flags: []getopt.Option{
			getopt.Text('m', "FILE", "make FILE.cdb, the index of FILE, and FILE.times.cdb", file),
		},
	}
}

// say logs what went wrong and returns the exit code. No secret may be in text. vodmr tells
// trouble from a refusal by the verdict, since it does not see the exit code.
func say(code int, text string) int {
	logline.New(2, program, logline.Session()).Event("error", logline.F("error", text))
	if code == exitTemporary {
		_ = verdict.Say(verdict.NotChecked)
	}
	return code
}

// sayRefused tells vodmr of a refusal, and returns the exit code. Without it vodmr would take
// the end of this program for a fall.
func sayRefused(code int) int {
	if code == exitRefused {
		_ = verdict.Say(verdict.Refused)
	}
	return code
}

// check finds the account that the credentials are right for. external is the hash of the
// customer's public key if that is all that speaks for the login.
func check(file string, c auth.Credentials, external string) (vpasswd.Entry, int) {
	entries, err := find(file, c.Login)
	if err != nil {
		return vpasswd.Entry{}, say(exitTemporary, err.Error())
	}
	e, right := vpasswd.Entry{}, false
	if external != "" {
		return checkKey(entries, c, external)
	}
	if c.Challenge != "" {
		e, right = vpasswd.CheckCRAM(entries, c.Login, c.Secret, c.Challenge)
	} else {
		e, right = vpasswd.CheckPassword(entries, c.Login, c.Secret)
	}
	if !right {
		return e, exitRefused
	}
	return e, 0
}

// checkKey is check for AUTH EXTERNAL. The log names a key that is not the login's, since the
// customer may have made another one. A hash is no secret.
func checkKey(entries []vpasswd.Entry, c auth.Credentials, external string) (vpasswd.Entry, int) {
	if c.Secret != "" || c.Challenge != "" {
		return vpasswd.Entry{}, say(exitMisuse, "a password, and "+auth.ExternalVariable+" too")
	}
	key, err := keyhash.Parse(external)
	if err != nil {
		return vpasswd.Entry{}, say(exitMisuse, auth.ExternalVariable+" is "+err.Error())
	}
	e, right := vpasswd.CheckKey(entries, c.Login, key)
	if !right {
		return e, say(exitRefused, key.String()+" is not the key of "+c.Login)
	}
	return e, 0
}

// account returns the environment with the account in it, as vchkpw sets it:
// USER without the domain, VPOPUSER as the customer typed it. A standing session looks at the
// file of accounts from time to time.
func account(environ []string, file, login string, e vpasswd.Entry) []string {
	user, _, _ := strings.Cut(e.Name, "@")
	set := []string{"USER=" + user, "HOME=" + e.Dir, "SHELL=NOLOGIN", "VPOPUSER=" + login}
	if path, err := filepath.Abs(file); err == nil {
		set = append(set, logintimes.Variable+"="+path)
	}
	replaced := []string{"USER", "HOME", "SHELL", "VPOPUSER", auth.ExternalVariable, logintimes.Variable}
	env := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(replaced, name)
	})
	return append(env, set...)
}

// execute becomes the program; all descriptors but 3 stay open for it.
func execute(argv, environ []string) int {
	path, err := child.LookPath(argv[0], os.Getenv("PATH"))
	if err != nil {
		return say(exitTemporary, err.Error())
	}
	return say(exitTemporary, path+": "+syscall.Exec(path, argv, environ).Error())
}
