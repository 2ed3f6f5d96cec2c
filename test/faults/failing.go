package main

import (
	"slices"
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

// interruptible reports if a kernel may interrupt this call. The other calls never
// return EINTR.
func interruptible(call string) bool {
	switch call {
	case "fcntl", "ioctl", "getsockopt", "setsockopt", "pipe2", "clone", "execve", "dup3", "close_range", "mkdirat", "socketpair",
		"inotify_init1", "inotify_add_watch":
		return false
	}
	return true
}

// failuresOf returns the errors that one call may return. ECHILD is left out: a
// kernel does not say it of a child that exists. A close always takes effect, since a
// descriptor that stayed open could keep somebody waiting for its end for ever. It
// may still report that earlier writes found no room, as it does over NFS.
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

// A failed is a chain in which one program meets errors: at each call every error if
// each is set, otherwise one error at each call, in turn.
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

// at returns the error and the number of the call for the nth point.
func (c failed) at(call string, n int) (e failure, nth int) {
	list := failuresOf(call)
	if c.each {
		return list[(n-1)%len(list)], (n-1)/len(list) + 1
	}
	return list[(n-1)%len(list)], n
}

// failingCall makes the Nth call of each name fail, with one error after the other.
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
		s.checkFailure(one, e)
	}
	return one
}

// stillMax is how many messages one failure may keep back if the session goes on:
// those of one transaction.
const stillMax = 2

// checkFailure fails if a session did not cope with a failed call. If the failure
// cost anything, the log must say so. All mail but one transaction must have gone if
// the session went on. After EINTR the call must simply be repeated. If Go's runtime
// cannot go on without the call, it says so and ends. The process that starts qmail-queue has
// no log; vodmr-relay says that it is gone.
func (s *site) checkFailure(one *session, e failure) {
	left := s.leftBehind()
	if isCleanEnd(one) && left == 0 || lockedOut(one, e) {
		return
	}
	switch {
	case e.errno == syscall.EINTR:
		s.fail("%s was not repeated: %s, %d left behind", e.name, one.how(), left)
	case !says(one.log, e.errno.Error(), "fatal error: ", "the process that starts programs is gone"):
		s.fail("no word of %q: %s, %d left behind", e.errno.Error(), one.how(), left)
	case one.cleanEnd && left > stillMax:
		s.fail("%s kept %d messages back", e.name, left)
	}
}

// says reports if one of these texts is in the log.
func says(log string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(log, text) })
}

// lockedOut reports if the program took EACCES for an answer to its lock request,
// which is that another session has the lock.
func lockedOut(one *session, e failure) bool {
	return e.errno == syscall.EACCES && (strings.Contains(one.log, "another session of this mailbox is under way") ||
		strings.Contains(one.log, "locked by another session"))
}

// leftBehind is the number of messages that still wait although they should have
// gone.
func (s *site) leftBehind() int {
	there, err := s.waiting()
	if err != nil {
		s.trial.broken = err
	}
	n := 0
	for _, m := range s.messages {
		if there[m.file] && m.expected != stays {
			n++
		}
	}
	return n
}
