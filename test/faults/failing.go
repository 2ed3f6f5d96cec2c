package main

import (
	"strings"
	"syscall"
)

// A failure is an error that a system call may return; its name is inject's.
type failure struct {
	name  string
	errno syscall.Errno
}

func failures() []failure {
	return []failure{
		{"EIO", syscall.EIO}, {"ENOSPC", syscall.ENOSPC}, {"EMFILE", syscall.EMFILE}, {"ENOMEM", syscall.ENOMEM},
		{"EACCES", syscall.EACCES}, {"ESTALE", syscall.ESTALE}, {"EINTR", syscall.EINTR},
	}
}

// failingCalls are the system calls that are made to fail.
func failingCalls() []string {
	return []string{
		"openat", "close", "read", "pread64", "pwrite64", "write", "sendmsg", "recvfrom", "unlinkat", "renameat", "linkat", "fcntl", "setlk", "getdents64",
		"fsync", "fstat", "newfstatat", "ppoll", "poll", "ioctl", "getsockopt", "setsockopt", "pipe2", "clone", "execve",
		"dup3", "close_range", "mkdirat", "socketpair", "wait4",
	}
}

// interruptible says whether a kernel may interrupt a call. The others are not
// told that they were.
func interruptible(call string) bool {
	switch call {
	case "fcntl", "ioctl", "getsockopt", "setsockopt", "pipe2", "clone", "execve", "dup3", "close_range", "mkdirat", "socketpair",
		"inotify_init1", "inotify_add_watch":
		return false
	}
	return true
}

// failuresOf are the errors of one call. That a child is not there to be waited
// for is nothing that a kernel says of one that is. A close is always done: one
// that was not would keep open for ever what somebody waits for the end of. But it
// may say that what was written before had no room, as NFS does.
func failuresOf(call string) []failure {
	if call == "close" {
		return []failure{{"done-ENOSPC", syscall.ENOSPC}}
	}
	var list []failure
	for _, e := range failures() {
		if e.errno == syscall.EINTR && interruptible(call) || e.errno != syscall.EINTR && call != "wait4" {
			list = append(list, e)
		}
	}
	return list
}

// A failed is a chain one of whose programs meets errors: each of them at each
// call, or one at each call, in turn.
type failed struct {
	name  string
	chain chain
	mode  mode
	each  bool
}

func failedChains() []failed {
	last := modes()[2]
	return []failed{
		{"relay", relayChain(), last, true}, {"relay-lockstep", relayChain(), modes()[0], false},
		{"vodmr", vodmrChain(), last, false}, {"starttls", tlsChain(true), last, false},
		{"tls", tlsChain(false), last, false}, {"atrn", atrnChain(), last, true},
	}
}

// at is the nth point's error and call.
func (c failed) at(call string, n int) (e failure, nth int) {
	list := failuresOf(call)
	if c.each {
		return list[(n-1)%len(list)], (n-1)/len(list) + 1
	}
	return list[(n-1)%len(list)], n
}

// failingCall has the Nth call of each name fail, with one error after the other.
func failingCall() []series {
	var all []series
	for _, c := range failedChains() {
		for _, call := range failingCalls() {
			each := 1
			if c.each {
				each = len(failuresOf(call))
			}
			all = append(all, series{name: c.name + "/" + call, each: each, try: func(t *trial) { fail(t, c, call) }})
		}
	}
	return all
}

func fail(t *trial, c failed, call string) {
	s := newSite(t, c.chain, c.mode, c.chain.mail())
	if t.broken != nil {
		return
	}
	s.settle(failOnce(t, s, c, call).broken())
}

// failOnce runs one session in which the trial's call fails.
func failOnce(t *trial, s *site, c failed, call string) *session {
	e, nth := c.at(call, t.n)
	w := t.wire(call, e.name, nth)
	t.logf("-- %s for call %d of %s", e.name, nth, call)
	one := s.session(w.wrap)
	t.fired, _ = w.struck()
	t.struck = t.fired && one.code != exitLoader
	if t.struck {
		s.bore(one, e)
	}
	return one
}

// stillMax is how many messages one failure may keep back in a session that goes
// on: those of one transaction.
const stillMax = 2

// bore fails where a session did not bear a failure as it must: with a word about it
// where it cost any mail its session, and all other mail gone; an interrupted call is
// only repeated. Where Go itself cannot go on without a call it says so and ends.
func (s *site) bore(one *session, e failure) {
	left := s.leftBehind()
	if endedInOrder(one) && left == 0 || lockedOut(one, e) {
		return
	}
	switch {
	case e.errno == syscall.EINTR:
		s.fail("%s was not repeated: %s, %d left behind", e.name, one.how(), left)
	case !strings.Contains(one.log, e.errno.Error()) && !strings.Contains(one.log, "fatal error: "):
		s.fail("no word of %q: %s, %d left behind", e.errno.Error(), one.how(), left)
	case one.inOrder && left > stillMax:
		s.fail("%s kept %d messages back", e.name, left)
	}
}

// lockedOut says that EACCES was taken for what it means of a lock: another has it.
func lockedOut(one *session, e failure) bool {
	return e.errno == syscall.EACCES && (strings.Contains(one.log, "another session of this mailbox is under way") ||
		strings.Contains(one.log, "locked by another session"))
}

// leftBehind is how many messages wait that should have gone.
func (s *site) leftBehind() int {
	there, err := s.waiting()
	if err != nil {
		s.trial.broken = err
	}
	n := 0
	for _, m := range s.messages {
		if there[m.file] && m.expected != waits {
			n++
		}
	}
	return n
}
