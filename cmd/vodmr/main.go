// Vodmr greets a customer of an on-demand mail relay (RFC 2645) on descriptors
// 0 and 1, asks who it is, and has a checkpassword program decide. That program
// runs vodmr-relay after a right password, and the connection is then
// vodmr-relay's. Vodmr knows nothing of mail. It is two processes: a talker without
// rights, and a keeper that becomes the checkpassword program.
package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"vodmr/auth/keeper"
)

const exitMisuse = 100

func main() {
	// The keeper becomes another program on this thread, which no other goroutine changes.
	runtime.LockOSThread()
	os.Exit(run(os.Args[1:], os.Environ()))
}

// run serves the customer on descriptors 0 and 1 and returns vodmr's exit code.
func run(args, environ []string) int {
	o, err := parseOptions(args)
	if err != nil {
		return o.command().Exit(err, exitMisuse)
	}
	// A core file of this program or of those behind it would hold secrets.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	if os.Args[0] == keeper.TalkerName {
		return talk(o)
	}
	return keep(o, args, environ)
}
