// Package testsite makes the parts of a provider's site for tests: a qmail home, a
// vpopmail domain, Maildirs and messages. New makes a small complete site.
package testsite

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/cdbmake"
)

// Owner is the user of the domain if the tests run as root, because vodmr-relay refuses
// to be root.
const Owner = 47110

// User is the user of the domain: Owner if the tests run as root, otherwise the user
// that runs them.
func User() int {
	if os.Getuid() == 0 {
		return Owner
	}
	return os.Getuid()
}

// New makes qmail/ and domain/ below a temporary folder: the login odmr@example.org,
// with alias.example as an alias domain, and plain.example, which virtualdomains gives to
// a user root. files are the files of the Maildir, by their names below it.
func New(t testing.TB, files map[string]string) (root, maildir string) {
	t.Helper()
	root = PublicDir(t)
	maildir = filepath.Join(root, "domain/odmr/Maildir")
	Maildir(t, maildir)
	must(t, os.MkdirAll(filepath.Join(root, "qmail/bin"), 0o755))
	domain := filepath.Join(root, "domain")
	Users(t, filepath.Join(root, "qmail"), Line("example.org", "example.org", User(), domain),
		Line("alias.example", "example.org", User(), domain))
	Write(t, filepath.Join(root, "qmail/control/me"), "mail.provider.test\n")
	Write(t, filepath.Join(root, "qmail/control/virtualdomains"), "example.org:example.org\nplain.example:root-x\n")
	Catchall(t, domain, filepath.Join(domain, "odmr"))
	for name, content := range files {
		Write(t, filepath.Join(maildir, name), content)
	}
	return root, maildir
}

// PublicDir makes a temporary folder that every user may enter.
func PublicDir(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	return root
}

// Line is a line of users/assign for a domain of vpopmail: name is the domain or an
// alias of it, dir the domain's folder, uid its user and group.
func Line(name, domain string, uid int, dir string) string {
	return fmt.Sprintf("+%s-:%s:%d:%d:%s:-::", name, domain, uid, uid, dir)
}

// Users makes users/cdb in a qmail home from lines of users/assign.
func Users(t testing.TB, home string, lines ...string) {
	t.Helper()
	text := strings.Join(append(lines, "."), "\n") + "\n"
	Write(t, filepath.Join(home, "users/cdb"), string(cdbmake.Assign(text)))
}

// Queue puts a program into a qmail home as qmail-queue, and makes the folder queue, in
// which the stand-in stores what it takes.
func Queue(t testing.TB, home, program string) {
	t.Helper()
	for _, dir := range []string{"bin", "queue"} {
		must(t, os.MkdirAll(filepath.Join(home, dir), 0o755))
	}
	must(t, os.Symlink(program, filepath.Join(home, "bin/qmail-queue")))
}

// Catchall makes an account's folder the catch-all of the domain in dir.
func Catchall(t testing.TB, dir, account string) {
	t.Helper()
	Write(t, filepath.Join(dir, ".qmail-default"), "| /home/vpopmail/bin/vdelivermail '' "+account+"\n")
}

// Maildir makes an empty Maildir.
func Maildir(t testing.TB, path string) {
	t.Helper()
	for _, dir := range []string{"new", "cur", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(path, dir), 0o755))
	}
}

// Write writes a file, and makes the folders above it.
func Write(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

// Message is a message with its envelope lines.
func Message(sender, rcpt, body string) string {
	return "Return-Path: <" + sender + ">\nDelivered-To: " + rcpt + "\nReceived: x\n\n" + body + "\n"
}

// Tree lists everything below a folder for comparison: modes, times and contents.
func Tree(t testing.TB, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		must(t, err)
		info, err := entry.Info()
		must(t, err)
		content := ""
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			must(t, err)
			content = string(text)
		}
		all[path] = fmt.Sprint(info.Mode(), " ", info.ModTime().UnixNano(), " ", content)
		return nil
	}))
	return all
}

// Chown gives a folder and everything below it to a user.
func Chown(t testing.TB, dir string, uid int) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		must(t, err)
		return os.Lchown(path, uid, uid)
	}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
