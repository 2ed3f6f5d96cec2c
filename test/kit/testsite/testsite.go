// Package testsite makes a small site for the tests of programs that an administrator
// runs: a qmail home, and a domain whose mail waits in one Maildir.
package testsite

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"vodmr/test/kit/cdbmake"
)

// Owner is the user to whom a test gives the domain where it runs as root.
const Owner = 47110

// New makes qmail/ and domain/ below a temporary folder: the login odmr@example.org, with
// alias.example as an alias domain, and plain.example, which virtualdomains gives to a
// user root. files are those of the Maildir, by their names below it. Every user can get
// there.
func New(t testing.TB, files map[string]string) (root, maildir string) {
	t.Helper()
	root = t.TempDir()
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	maildir = filepath.Join(root, "domain/odmr/Maildir")
	Make(t, maildir)
	for _, dir := range []string{"qmail/users", "qmail/control", "qmail/bin"} {
		must(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	entry := fmt.Sprintf(":example.org:%d:%[1]d:%s/domain:-::\n", owner(), root)
	assign := "+example.org-" + entry + "+alias.example-" + entry + ".\n"
	Write(t, filepath.Join(root, "qmail/users/cdb"), string(cdbmake.Assign(assign)))
	Write(t, filepath.Join(root, "qmail/control/me"), "mail.provider.test\n")
	Write(t, filepath.Join(root, "qmail/control/virtualdomains"), "example.org:example.org\nplain.example:root-x\n")
	Write(t, filepath.Join(root, "domain/.qmail-default"), "| /home/vpopmail/bin/vdelivermail '' "+root+"/domain/odmr\n")
	for name, content := range files {
		Write(t, filepath.Join(maildir, name), content)
	}
	return root, maildir
}

// owner is the domain's user in users/cdb: Owner, or else who runs the tests.
func owner() int {
	if os.Getuid() == 0 {
		return Owner
	}
	return os.Getuid()
}

// Make makes an empty Maildir.
func Make(t testing.TB, maildir string) {
	t.Helper()
	for _, dir := range []string{"new", "cur", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(maildir, dir), 0o755))
	}
}

// Write writes a file.
func Write(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

// Message is one with an envelope.
func Message(sender, rcpt, body string) string {
	return "Return-Path: <" + sender + ">\nDelivered-To: " + rcpt + "\nReceived: x\n\n" + body + "\n"
}

// Tree is what lies below a folder: names, modes, times and contents, to be compared.
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

// Chown gives all below a folder to a user.
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
