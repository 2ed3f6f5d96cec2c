package relay

import (
	"path"
	"strings"

	"vodmr/internal/logintimes"
	"vodmr/internal/rights"
	"vodmr/internal/safepath"
	"vodmr/internal/sys"
	"vodmr/relay/grant"
)

// maxFiles is how many descriptors a session may have. It has some twenty, and one for
// each question at the door.
const maxFiles = 1024

// Rights are what a session needs once the customer may speak: its Maildir and the door to
// write, and to read the files that say what the login may have. The caller has taken the
// rights of the mailbox's owner.
func (c Config) Rights() rights.Rights {
	r := rights.Rights{Files: maxFiles, Run: c.Queue.Path()}
	if c.Refused != nil {
		return r
	}
	r.Read = []string{c.Qmail.Path("control"), c.Qmail.Path("users")}
	if c.Rules != "" {
		r.Read = append(r.Read, folderOf(c.Rules), c.Rules) // the file may be a link to elsewhere
	}
	r.Read = append(r.Read, c.loginFiles()...)
	r.List = []string{c.Home}
	r.Write = append(r.Write, sys.Join(resolved(c.Home), c.Maildir))
	found, err := grant.LookUp(grant.Site{Qmail: c.Qmail, Rules: c.Rules}, c.Login, c.Home, c.Maildir, c.Environ)
	if err != nil {
		return r // ATRN will say it
	}
	for _, folder := range found.Folders {
		r.Read = append(r.Read, folder, folder+"/.qmail-default")
	}
	if found.Settings.Door != "" {
		r.Write = append(r.Write, resolved(found.Settings.Door))
	}
	return r
}

// loginFiles are what tells a standing session that its login has changed: the file that the
// checkpassword program named, the file of its times, and the folder that new ones of both are
// renamed into. If the mailbox is below that folder, so are other customers': then the session
// cannot read new files, and ends with each change.
func (c Config) loginFiles() []string {
	file := c.Environ(logintimes.Variable)
	if !path.IsAbs(file) {
		return nil
	}
	files, folder := []string{file, logintimes.Name(file)}, folderOf(file)
	if strings.HasPrefix(resolved(c.Home)+"/", strings.TrimSuffix(resolved(folder), "/")+"/") {
		return files
	}
	return append(files, folder)
}

// folderOf is the folder of a file that is renamed into place when it changes: a right to the
// file that is there now would not do for the next one.
func folderOf(file string) string {
	if dir := path.Dir(file); dir != "/" {
		return dir
	}
	return file
}

// resolved is a folder's path without the links that count, see package safepath. If there is
// another link, in it or in what follows it, no right comes of the path.
func resolved(folder string) string {
	if real, err := safepath.Resolve(folder); err == nil && strings.HasPrefix(real, "/") {
		return real
	}
	return folder
}
