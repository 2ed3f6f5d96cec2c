package main

import (
	"context"
	"net"
	"os"
	"path/filepath"

	"vodmr/fetch"
	"vodmr/internal/rights"
)

// confine gives up all rights that the sessions do not need, before the provider is called.
// A program that receives, or leads to the provider, may do whatever this user may, so with
// one atrn only hides its memory.
func (o *flags) confine() error {
	if maildir, ok := o.session.Sink.(fetch.Maildir); ok {
		// One that is missing is made now. If that fails, each session says why.
		if receiver, err := maildir.Open(context.Background()); err == nil {
			receiver.Close()
		}
	}
	keeps, ok := o.rights()
	if !ok {
		return rights.KeepSecret()
	}
	return keeps.Keep()
}

// maxFiles is how many descriptors atrn may have. It has some ten.
const maxFiles = 256

// rights are what sessions need: names, certificates, two ports, and the Maildir. They are
// false if a program is run.
func (o *flags) rights() (keeps rights.Rights, ok bool) {
	provider, ok := o.session.Provider.(fetch.TCP)
	if !ok {
		return keeps, false
	}
	const portDNS = 53 // an answer that is long comes by TCP
	keeps = rights.Rights{Read: systemFiles(), Connect: []int{portDNS, port(provider.Address)}, Files: maxFiles}
	switch sink := o.session.Sink.(type) {
	case fetch.Forward:
		keeps.Connect = append(keeps.Connect, port(sink.Address))
	case fetch.Maildir:
		keeps.Write = []string{resolved(sink.Dir)}
	default:
		return keeps, false
	}
	if metrics := o.session.Metrics; metrics != nil {
		keeps.Write = append(keeps.Write, resolved(filepath.Dir(metrics.File)))
	}
	return keeps, true
}

// systemFiles are the folders in which systems keep how names are looked up, whose certificates
// are trusted, and the time zone. Links in /etc lead to the others.
func systemFiles() []string {
	files := []string{
		"/etc", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/connman", "/run/netconfig",
		"/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/usr/share/pki", "/usr/lib/ssl",
		"/usr/local/share/certs", "/usr/local/etc/ssl", "/var/lib/ca-certificates", "/usr/share/zoneinfo",
	}
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		files = append(files, filepath.SplitList(os.Getenv(name))...)
	}
	return files
}

// port is an address's port as a number.
func port(a fetch.Address) int {
	n, _ := net.LookupPort("tcp", a.Port) // the address was checked
	return n
}

// resolved is a folder's path without links, if it is there.
func resolved(folder string) string {
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	if absolute, err := filepath.Abs(folder); err == nil {
		return absolute
	}
	return folder
}
