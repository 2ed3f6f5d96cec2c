//go:build linux

// Command mount shows the folder SOURCE at TARGET as a network file system would: each
// call takes its time, all calls can hang, and a watch sees nothing that another mount of
// the same folder changes. Two mounts of one folder are like two hosts. Locks pass
// through to SOURCE, so they hold between the two.
//
// usage: mount [-delay DURATION] [-cache DURATION] [-e] SOURCE TARGET
//
// -delay is added to each call that the kernel waits for. With -cache the kernel believes
// names and attributes for that long, as it does for NFS and GlusterFS; without, it asks
// each time. With -e the program ends when its standard input does. Permissions are not
// checked, as the kernel would ask for them once more before each call: every user may do
// all, and what it makes is its own.
//
// It writes the line "ready" when TARGET is mounted. From SIGUSR1 on all calls hang, even
// those that have begun; a process that waits for one can not even be killed, as with
// a server that is gone. SIGUSR2 lets them go on. It answers the two signals by the lines
// "hangs" and "goes on". SIGTERM unmounts TARGET and ends the program. Calls that wait
// then fail. It must be root.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	delay := flag.Duration("delay", 0, "how long each call takes")
	cache := flag.Duration("cache", 0, "for how long the kernel believes names and attributes")
	end := flag.Bool("e", false, "end when standard input does")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: mount [-delay DURATION] [-cache DURATION] [-e] SOURCE TARGET")
		os.Exit(100)
	}
	if err := run(flag.Arg(0), flag.Arg(1), *delay, *cache, *end); err != nil {
		fmt.Fprintln(os.Stderr, "mount:", err)
		os.Exit(111)
	}
}

// run mounts target and serves it until a signal or the end of standard input.
func run(source, target string, delay, cache time.Duration, end bool) error {
	syscall.Umask(0) // the kernel has applied that of the caller already
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM, syscall.SIGINT)
	if end {
		go awaitEnd(signals)
	}
	gate := newGate(delay)
	server, err := serve(source, target, cache, gate)
	if err != nil {
		return err
	}
	defer func() { _ = syscall.Unmount(target, syscall.MNT_DETACH) }()
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return err
	}
	fmt.Println("ready")
	for s := range signals {
		if s == syscall.SIGUSR1 {
			gate.shut()
			fmt.Println("hangs")
		} else if s == syscall.SIGUSR2 {
			gate.open()
			fmt.Println("goes on")
		} else {
			return nil
		}
	}
	return nil
}

// awaitEnd reads standard input to its end and then asks the program to end.
func awaitEnd(signals chan<- os.Signal) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	signals <- syscall.SIGTERM
}

// serve mounts target. Calls wait until Serve of the returned server runs.
func serve(source, target string, cache time.Duration, g *gate) (*fuse.Server, error) {
	root, err := fs.NewLoopbackRoot(source)
	if err != nil {
		return nil, err
	}
	how := &fs.Options{AttrTimeout: &cache, EntryTimeout: &cache}
	how.MountOptions = fuse.MountOptions{
		AllowOther:        true,
		EnableLocks:       true,
		DirectMountStrict: true,
		FsName:            source,
		Name:              "slowfs",
	}
	return fuse.NewServer(&slow{RawFileSystem: fs.NewNodeFS(root, how), gate: g}, target, &how.MountOptions)
}
