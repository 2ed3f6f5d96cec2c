package qmail

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/internal/address"
	"vodmr/internal/sys"
)

// A DotQmail is the content of a .qmail-default, the catch-all of a domain.
// See dot-qmail(5) and vpopmail's vdelivermail.
type DotQmail struct {
	homes     []string // directories that hold a Maildir, as vdelivermail takes them
	maildirs  []string // Maildirs, as qmail-local takes them
	addresses []string // lower case
	others    []string // instructions that deliver, or refuse, in another way

	vdelivermail bool // it runs vdelivermail

	whole local // instructions for the file as a whole
}

// A local holds the rest of what qmail-local obeys.
type local struct {
	empty    bool
	delivers bool   // to a program or a file
	list     bool   // a line +list was there
	deferred string // why qmail-local delivers nothing
}

// ReadDefault reads .qmail-default in a domain's directory. An absent file
// leads nowhere. Instructions that do not matter here are passed over.
func ReadDefault(dir string) (DotQmail, error) {
	dq, err := ReadDotQmail(dir + "/.qmail-default")
	if errors.Is(err, unix.ENOENT) {
		return DotQmail{}, nil
	}
	return dq, err
}

// DefaultAbove returns the .qmail-default of a folder above home, as a vpopmail
// domain's folder has one, or "" if there is none. If home's path has symbolic links, the
// folders above their targets count too.
func DefaultAbove(home string) (string, error) {
	found, err := defaultAbove(path.Clean(home))
	if found != "" || err != nil {
		return found, err
	}
	real, err := filepath.EvalSymlinks(home)
	if errors.Is(err, unix.ENOENT) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return defaultAbove(real)
}

func defaultAbove(home string) (string, error) {
	for dir := path.Dir(home); ; dir = path.Dir(dir) {
		file := path.Join(dir, ".qmail-default")
		err := sys.Access(file, unix.F_OK)
		switch {
		case err == nil:
			return file, nil
		case err != unix.ENOENT && err != unix.ENOTDIR:
			return "", fmt.Errorf("%s: %w", file, err)
		case dir == path.Dir(dir):
			return "", nil
		}
	}
}

// ReadDotQmail reads the .qmail file at file. Its relative paths are relative to the file's
// folder.
func ReadDotQmail(file string) (DotQmail, error) {
	b, err := ReadFile(file)
	if err != nil {
		return DotQmail{}, err
	}
	dir := path.Dir(file)
	dq := DotQmail{whole: local{empty: len(b) == 0}}
	if first, _, _ := strings.Cut(string(b), "\n"); len(b) > 0 && trimBlanks(first) == "" {
		dq.whole.deferred = "its first line is blank"
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		dq.add(trimBlanks(line), dir)
	}
	return dq, nil
}

// Deferred returns why qmail-local defers each message that this file is for, or "" if it
// does not. It delivers to no program and to no file by a .qmail file that its owner may
// execute, nor behind a line `+list' (dot-qmail(5)).
func (dq DotQmail) Deferred(executable bool) string {
	if dq.whole.deferred == "" && dq.whole.delivers && executable {
		return "its x bit is set, and it has a program or a file"
	}
	return dq.whole.deferred
}

// noteDelivery notes a program or a file.
func (dq *DotQmail) noteDelivery() {
	dq.whole.delivers = true
	if dq.whole.list && dq.whole.deferred == "" {
		dq.whole.deferred = "a program or a file stands behind its line +list"
	}
}

// add takes one instruction.
func (dq *DotQmail) add(line, dir string) {
	if line == "" {
		return
	}
	switch line[0] {
	case '#':
	case '+':
		dq.whole.list = dq.whole.list || line == "+list"
	case '|':
		dq.noteDelivery()
		dq.addCommand(line[1:])
	case '.', '/':
		dq.noteDelivery()
		dq.addMaildir(line, dir)
	default:
		dq.addAddress(line)
	}
}

// addMaildir takes a path; one without a slash at its end is an mbox file.
func (dq *DotQmail) addMaildir(line, dir string) {
	if !strings.HasSuffix(line, "/") {
		dq.others = append(dq.others, line)
		return
	}
	if line[0] != '/' {
		line = dir + "/" + line
	}
	dq.maildirs = append(dq.maildirs, path.Clean(line))
}

func (dq *DotQmail) addAddress(line string) {
	to := strings.TrimLeft(strings.TrimPrefix(line, "&"), " \t")
	if strings.ContainsRune(to, '@') {
		dq.addresses = append(dq.addresses, address.Lower(to))
	} else {
		dq.others = append(dq.others, to)
	}
}

// addCommand takes the last argument of vdelivermail: a directory, an address,
// or a word such as bounce-no-mailbox or delete that leads nowhere.
func (dq *DotQmail) addCommand(command string) {
	known := false
	for _, words := range ShellCommands(command) {
		i := slices.IndexFunc(words, func(word string) bool { return path.Base(word) == "vdelivermail" })
		if i < 0 || i+1 == len(words) {
			continue
		}
		known, dq.vdelivermail = true, true
		if last := words[len(words)-1]; strings.HasPrefix(last, "/") {
			dq.homes = append(dq.homes, path.Clean(last))
		} else {
			dq.addAddress(last)
		}
	}
	if !known {
		dq.others = append(dq.others, "|"+command)
	}
}

// Empty reports if the file has no byte in it: qmail-local then goes by the instruction
// that qmail-start(8) was given.
func (dq DotQmail) Empty() bool { return dq.whole.empty }

// Addresses lists the addresses that mail is forwarded to, in lower case.
func (dq DotQmail) Addresses() []string { return dq.addresses }

// Folders lists the mailboxes' directories and the Maildirs that it delivers to.
func (dq DotQmail) Folders() []string { return slices.Concat(dq.homes, dq.maildirs) }

// Others lists instructions that name neither a folder nor an address, but a file, a
// program, a local name, or a word for vdelivermail such as bounce-no-mailbox.
func (dq DotQmail) Others() []string { return dq.others }

// LeadsTo reports if mail goes to the mailbox in the directory home, or to maildir,
// which is below home if it is relative. Paths are compared cleaned, and then with
// their symlinks resolved.
func (dq DotQmail) LeadsTo(home, maildir string) bool {
	return containsPath(dq.homes, path.Clean(home)) || dq.leadsToMaildir(home, maildir)
}

// leadsToMaildir reports if qmail-local itself delivers to maildir.
func (dq DotQmail) leadsToMaildir(home, maildir string) bool {
	if !path.IsAbs(maildir) {
		maildir = path.Join(home, maildir)
	}
	return containsPath(dq.maildirs, path.Clean(maildir))
}

// LeavesPrefix reports if the Delivered-To of mail that dq delivers to that mailbox,
// or forwards there, begins with the prefix of virtualdomains. qmail-local writes the
// address as qmail-send gave it; vdelivermail has taken the prefix off.
func (dq DotQmail) LeavesPrefix(home, maildir string) bool {
	return !dq.vdelivermail || dq.leadsToMaildir(home, maildir)
}

func containsPath(paths []string, path string) bool {
	if slices.Contains(paths, path) {
		return true
	}
	real, err := filepath.EvalSymlinks(path)
	return err == nil && slices.ContainsFunc(paths, func(p string) bool {
		target, err := filepath.EvalSymlinks(p)
		return err == nil && target == real
	})
}

// LeadsHere reports if dq, the .qmail-default of d, leads to the mailbox with the directory
// home and the Maildir maildir, see LeadsTo. If it does so by an address, that address is
// returned, in lower case and with the real domain, as a Delivered-To shows it.
func (u *Users) LeadsHere(d Domain, dq DotQmail, home, maildir string) (leads bool, forward string, err error) {
	if dq.LeadsTo(home, maildir) {
		return true, "", nil
	}
	for _, a := range dq.addresses {
		local, domain := address.Split(a)
		if local != address.Lower(path.Base(path.Clean(home))) {
			continue
		}
		holds := d
		if domain != d.Name {
			holds, _, err = u.Domain(domain)
		}
		if err != nil {
			return false, "", err
		}
		if holds.HoldsReal(home) {
			return true, local + "@" + holds.Name, nil
		}
	}
	return false, "", nil
}
