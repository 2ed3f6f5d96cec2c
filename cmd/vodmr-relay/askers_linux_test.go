package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// TestAskersLeaveDescriptors: askers that only connect, more than the session has descriptors,
// leave enough of them to open the mail.
func TestAskersLeaveDescriptors(t *testing.T) {
	t.Parallel()
	m := newMailbox(t).standing()
	folder := filepath.Join(m.home, "door")
	require.OK(t, os.Mkdir(folder, 0o755))
	if os.Getuid() == 0 {
		require.OK(t, os.Chown(folder, owner, owner))
	}
	m.cmd.Env = append(m.cmd.Env, "VODMR_DOOR="+folder, "VODMR_ASK=100")
	const limit = 48
	m.cmd = shell(m.cmd, fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, limit))
	p := m.start(t)
	p.Run(turn + begin + toDot + ok)
	before := descriptors(t, p)
	for range 2 * limit {
		conn, err := net.Dial("unix", filepath.Join(folder, "example.org"))
		require.OK(t, err)
		defer conn.Close()
	}
	for end := time.Now().Add(time.Minute); descriptors(t, p) < before+limit/4; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the session has %d descriptors, %d before anybody asked", descriptors(t, p), before)
		}
	}
	for i := range 5 {
		m.deliver(t, fmt.Sprintf("%d.next.vm", 1795336646+i))
		p.Run(begin + toDot + ok)
	}
	p.Net().Close()
	if _, log := p.End(); strings.Count(log, " success ") != 6 || strings.Contains(log, " error ") {
		t.Errorf("the log is\n%s", log)
	}
}

// descriptors is how many the session has.
func descriptors(t *testing.T, p *dialogue.Process) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	require.OK(t, err)
	return len(list)
}
