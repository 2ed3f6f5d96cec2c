//go:build amd64

package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
)

// A face is one way to use the program.
type face struct {
	name  string
	door  func(t *testing.T) string
	pipes bool // the client's side is two pipes, as under sslserver
	args  []string
	steps []step
}

func faces() []face {
	smtpd := []string{filepath.Join(bin, "smtpd")}
	once := []step{{hears: []string{"550 5.1.1 no such user\n", "250 2.1.5 the session did not answer\n", "250 2.1.5 nobody knows\n"}}}
	return []face{
		{"filter", standing, false, smtpd, smtpSession()},
		{"filter-pipes", learntUsers, true, smtpd, smtpSession()},
		{"policy", standing, false, []string{"-P"}, policySession()},
		{"policy-learnt", learntUsers, true, []string{"-P"}, policySession()},
		{"once", standing, true, []string{"nobody@example.org"}, once},
		{"once-learnt", learntUsers, true, []string{"nobody@example.org"}, once},
	}
}

// faults are what happens at each system call: the program is killed there, or it meets an
// error that the call may return, or the call moves one byte.
func faults() map[string][]string {
	return map[string][]string{
		"read":       {"kill", "EINTR", "EIO", "short"},
		"recvfrom":   {"kill", "EINTR", "EAGAIN", "ECONNRESET", "EIO", "short"},
		"sendmsg":    {"kill", "EINTR", "EAGAIN", "ECONNRESET", "ENOBUFS", "EIO", "short"},
		"write":      {"kill", "EINTR", "EAGAIN", "ENOSPC", "EIO", "short"},
		"poll":       {"kill", "EINTR", "ENOMEM"},
		"ppoll":      {"kill", "EINTR", "ENOMEM"},
		"openat":     {"kill", "EINTR", "EMFILE", "EACCES", "EIO"},
		"newfstatat": {"kill", "EINTR", "EACCES", "EIO"},
		"fstat":      {"kill", "EINTR", "EIO"},
		"pread64":    {"kill", "EINTR", "EIO"},
		"fcntl":      {"kill", "EIO"},
		"close":      {"kill", "done-EIO"},
		"pipe2":      {"kill", "EMFILE"},
		"socketpair": {"kill", "EMFILE"},
		"socket":     {"kill", "EMFILE", "ENOBUFS"},
		"connect":    {"kill", "EINTR", "EAGAIN", "EACCES"},
		"getsockopt": {"kill", "ENOBUFS"},
		"shutdown":   {"kill", "ENOTCONN"},
		"execve":     {"kill", "EACCES", "EIO"},
		"wait4":      {"kill", "EINTR"},
		"dup3":       {"kill", "EMFILE"},
		"flock":      {"kill", "EINTR", "EIO"},
		"clone":      {"kill"},
		"waitid":     {"kill"},
		"exit_group": {"kill"},
	}
}

// If the program is killed or meets an error at any system call, the client hears nothing
// but what the server said, in order, and refusals of recipients that are not there. It
// hears 250 for a message only if the server took it, whole and once. All processes end.
func TestKilledOrFailingAtEachCall(t *testing.T) {
	require.Time(t)
	first, stride := 1+rand.IntN(3), 3
	if *every {
		first, stride = 1, 1
	}
	t.Logf("from call %d on, each %d.; with -every at each", first, stride)
	for _, f := range faces() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			whole, cut := 0, 0
			for call, kinds := range faults() {
				for _, what := range kinds {
					w, c := f.tryFrom(t, call, what, first, stride)
					whole, cut = whole+w, cut+c
				}
			}
			t.Logf("%d sessions went on, %d ended", whole, cut)
			if whole < 10 || cut < 5 {
				t.Error("the faults do not reach the program")
			}
		})
	}
}

// every has each call tried, which takes three times as long. A failure's name repeats it.
var every = flag.Bool("every", false, "try each call, not one in three")

// tryFrom tries one fault at one call after the other, until there are no more. It returns
// how many sessions went on to their end, and how many did not.
func (f face) tryFrom(t *testing.T, call, what string, first, stride int) (whole, cut int) {
	ran, struck, complete := false, false, false
	for n := first; struck || !ran && n <= maxCalls; n += stride {
		struck, complete = false, false
		t.Run(fmt.Sprintf("%s-%s-%d", call, what, n), func(t *testing.T) { // -run may leave it out
			ran = true
			struck, complete = f.try(t, call, what, n)
		})
		switch {
		case complete && struck:
			whole++
		case struck:
			cut++
		}
	}
	return whole, cut
}

// maxCalls is how often a session may make one call: a program that spins makes more.
const maxCalls = 300

// try runs the program once with a fault. complete reports if the client has heard all.
func (f face) try(t *testing.T, call, what string, n int) (struck, complete bool) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	argv := append([]string{"-o", dir + "/report", call, strconv.Itoa(n), what, filepath.Join(bin, "vodmr-rcpt"), "-d", f.door(t)}, f.args...)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "inject"), argv...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "STANDIN_SMTPD=" + dir}
	stderr, err := os.Create(dir + "/log")
	require.OK(t, err)
	defer stderr.Close()
	cmd.Stderr = stderr
	c := connect(t, cmd, f.pipes)
	heard := c.talk(t, f.steps)
	_ = cmd.Wait() // inject waits for all processes
	if ctx.Err() != nil {
		t.Error("a process does not end")
	}
	h, log := follow(heard, f.steps), require.File(t, dir+"/log")
	f.check(t, what, h, log, cmd.ProcessState.ExitCode())
	checkTaken(t, dir, f.steps, h)
	report := require.File(t, dir+"/report")
	_, calls, _ := strings.Cut(strings.TrimSpace(report), "calls ")
	if count, err := strconv.Atoi(calls); err != nil || count > maxCalls {
		t.Errorf("%s is called %q times", call, calls)
	}
	return strings.HasPrefix(report, "struck "), h.complete
}

// check holds what the client heard, and the log, against the fault.
func (f face) check(t *testing.T, what string, h hearing, log string, code int) {
	t.Helper()
	if h.wrong != "" {
		t.Errorf("heard %q behind %q", h.wrong, h.replies)
	}
	if strings.HasPrefix(f.name, "once") && h.complete && (code != 1) != (h.others == 1) && what != "kill" {
		t.Errorf("heard %q, exit %d", h.replies, code)
	}
	runtimes := strings.Contains(log, "fatal error: cannot open standard fds") // Go's own end
	if !runtimes && !strings.HasPrefix(f.name, "once") {                       // that one talks to a person
		logformat.Test(t, log)
	}
	if h.complete && h.others == 0 || runtimes {
		return
	}
	if what == "kill" && h.others > 0 {
		t.Errorf("killed, it accepts: %q", h.replies)
	}
	errno := errnoOf(what)
	if quiet := errno == syscall.ECONNRESET && h.others == 0; what != "kill" && !quiet && (errno == 0 || errno == syscall.EINTR || !strings.Contains(log, errno.Error())) {
		t.Errorf("heard %q, exit %d, log %q", h.replies, code, log)
	}
}

// errnoOf is the error of a name, or 0.
func errnoOf(name string) syscall.Errno {
	for errno := syscall.Errno(1); errno < 134; errno++ {
		if unix.ErrnoName(errno) == name {
			return errno
		}
	}
	return 0
}
