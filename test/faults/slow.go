package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vodmr/test/kit/slowfs"
)

// slowRow kills vodmr-relay on a file system whose calls take their time: then files are
// read and removed beside the session, so that several calls are under way at that moment.
const slowRow = "killed-slow"

const slowDelay = 2 * time.Millisecond

var errNoSlow = errors.New("it needs root and /dev/fuse")

// mountSlow mounts that file system if one of the rows wants it. Only root can; the trials
// run as another user.
func (f *faults) mountSlow(chosen []row) (end func(), err error) {
	wanted := slices.ContainsFunc(chosen, func(r row) bool { return r.name == slowRow })
	if _, err := os.Stat("/dev/fuse"); !wanted || err != nil || os.Geteuid() != 0 {
		return func() {}, nil
	}
	process, _, seen, err := slowfs.Open(filepath.Join(f.bin, "mount"), f.work, slowfs.Speed{Delay: slowDelay})
	if err != nil {
		return nil, err
	}
	f.slow = seen
	return func() { _ = process.End() }, nil
}

// leftOut tells scripts/test of a row that this machine cannot try.
func leftOut(r row, why error) {
	fmt.Printf("%s is left out: %v\n", r.name, why)
	if skips := os.Getenv("VODMR_SKIPS"); skips != "" {
		if file, err := os.OpenFile(skips, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666); err == nil {
			fmt.Fprintf(file, "faults %s: %v\n", r.name, why)
			file.Close()
		}
	}
}

// killedSlow kills vodmr-relay with a home on the slow file system.
func killedSlow() []series {
	var all []series
	for _, m := range modes()[1:] {
		for _, call := range calls() {
			all = append(all, series{name: "slow/" + m.name + "/" + call, try: func(t *trial) { killSlow(t, m, call) }})
		}
	}
	return all
}

func killSlow(t *trial, m mode, call string) {
	home, err := os.MkdirTemp(t.slow, "home-")
	if err != nil {
		t.broken = err
		return
	}
	defer os.RemoveAll(home)
	list := variety()
	for i := range 20 { // enough for files to be read beside the session
		list = append(list, write(fmt.Sprintf("r%d", i), "ann", fmt.Sprintf("number %d\n", i)))
	}
	s := newSiteAt(t, relayChain(), m, list, home)
	if t.broken != nil {
		return
	}
	s.slowDisk = true
	s.settle(killOnce(t, s, call).broken())
}
