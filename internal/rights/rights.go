// Package rights owns how a process gives up all rights over files, programs and other
// processes but the few that it needs: by Landlock and seccomp on Linux, by pledge(2)
// and unveil(2) on OpenBSD. It is for programs that start for each connection, so it links
// little.
package rights

import "runtime"

// Available reports if this system can confine a process.
func Available() bool { return runtime.GOOS == "openbsd" || LandlockVersion() > 0 }

// Rights are all that a process that speaks with another machine keeps. It has no others: it
// starts no program and no process, reads no other process's memory and sends it no signal.
// What it has open stays open.
type Rights struct {
	List    []string // folders: they and the folders in them can be opened, but no file
	Read    []string // files, and folders with all that is in them
	Write   []string // folders, with no link in their paths: files in them are read, made, changed, renamed and removed, and folders made and renamed; no links
	Connect []int    // TCP ports that it may connect to; UNIX sockets need none
	Files   uint64   // how many descriptors it may have; 0 for no limit of its own
	Run     string   // the program that may be started on systems without a starter
}

// none reports if no connection may be made.
func (r Rights) none() bool { return len(r.Connect) == 0 }
