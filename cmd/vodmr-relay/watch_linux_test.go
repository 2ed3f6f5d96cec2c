package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"vodmr/test/kit/require"
)

// TestWithoutWatch: if new cannot be watched, mail is found with a NOOP, and the
// log says so, with the limit to raise.
func TestWithoutWatch(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"max_inotify_instances", "max_inotify_watches"} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			runsWithout(t, limit, "raise sysctl "+strings.Replace(limit, "max_inotify", "fs.inotify.max_user", 1))
		})
	}
}

func runsWithout(t *testing.T, limit, advice string) {
	m := newMailbox(t).empty(t).standing().withoutInotify(t, limit)
	m.cmd.Env = append(m.cmd.Env, "VODMR_NOOP=1")
	p := m.start(t)
	p.Run(turn + "S: NOOP")
	m.deliver(t, "1795336646.2.vm")
	p.Run(ok)
	if line := pastNoops(t, p); line != "MAIL FROM:<a@b.test>" {
		t.Fatalf("got %q, want the mail", line)
	}
	p.Run(toDot + ok)
	require.OK(t, syscall.Kill(p.PID(), syscall.SIGTERM))
	quits(t, p)
	if code, log := p.End(); code != 0 || !strings.Contains(log, `reason="new mail is only looked for with each NOOP"`) || !strings.Contains(log, advice) {
		t.Errorf("exit %d\n%s", code, log)
	}
}

// withoutInotify runs the program in a user namespace of its own, which has limits of
// its own.
func (m *mailbox) withoutInotify(t *testing.T, limit string) *mailbox {
	t.Helper()
	require.UserNamespace(t, "it has limits of its own")
	forbid := `echo 0 >/proc/sys/user/` + limit
	try := exec.Command("/bin/sh", "-c", forbid)
	try.SysProcAttr = namespace()
	if out, err := try.CombinedOutput(); err != nil {
		require.Skip(t, "a user namespace's limits cannot be set: %v %s", err, out)
	}
	m.cmd = shell(m.cmd, forbid+` && exec "$0" "$@"`)
	m.cmd.SysProcAttr = namespace()
	return m
}

// namespace is one that knows this user and the mailbox's owner, with the right to set
// its limits.
func namespace() *syscall.SysProcAttr {
	const sysResource = 24 // CAP_SYS_RESOURCE
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, AmbientCaps: []uintptr{sysResource}}
	uids, gids := []int{os.Getuid()}, []int{os.Getgid()}
	if os.Getuid() == 0 {
		uids, gids = append(uids, owner), append(gids, owner)
		attr.GidMappingsEnableSetgroups = true
	}
	for _, id := range uids {
		attr.UidMappings = append(attr.UidMappings, syscall.SysProcIDMap{ContainerID: id, HostID: id, Size: 1})
	}
	for _, id := range gids {
		attr.GidMappings = append(attr.GidMappings, syscall.SysProcIDMap{ContainerID: id, HostID: id, Size: 1})
	}
	return attr
}
