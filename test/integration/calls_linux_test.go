package integration

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/require"
	"vodmr/test/kit/slowfs"
)

// TestCalls holds what one message costs: open, fstat, read, close and unlink, and no other
// call; the notes are appended to at most once for a window; a maildirsize that is missing
// is asked for once.
func TestCalls(t *testing.T) {
	const messages = 300
	s := newSite(t)
	for n := range messages {
		s.deliver(t, "ann@sender.test", strings.Repeat(fmt.Sprintf("line %d\n", n), 400), "user@"+s.domain)
	}
	p := s.listen(t)
	trace := traced(t, p.pid, "file,desc")
	s.mustFetch(t, p, "-m", filepath.Join(t.TempDir(), "Maildir"))
	calls := countCalls(trace())
	t.Log(calls)
	for name, most := range map[string]int{"open": 1, "fstat": 1, "read": 1, "close": 1, "unlink": 1, "other": 0} {
		if calls[name] > most*messages+10 {
			t.Errorf("%d times %s for %d messages", calls[name], name, messages)
		}
	}
	if calls["unlink"] < messages {
		t.Errorf("%d unlinks were counted for %d messages", calls["unlink"], messages)
	}
	if calls["maildirsize"] > 1 {
		t.Errorf("maildirsize was looked for %d times", calls["maildirsize"])
	}
	if calls["append"] > messages/10 {
		t.Errorf("%d appends to vodmr.notes", calls["append"])
	}
}

// traced begins to write down the calls of a process and of its children to come. What it
// returns ends that process, waits for the others, and returns strace's text: a strace that
// detaches from a process just when that ends may wait for ever. Root alone can trace a
// program that hides its memory.
func traced(t *testing.T, pid int, calls string) (trace func() string) {
	t.Helper()
	require.Root(t, "to trace vodmr-relay")
	file := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(require.Program(t, "strace"), "-f", "-y", "-o", file, "-e", "trace="+calls, "-p", strconv.Itoa(pid))
	out, err := cmd.StderrPipe()
	require.OK(t, err)
	require.OK(t, cmd.Start())
	end := sync.OnceFunc(func() {
		_ = syscall.Kill(pid, syscall.SIGTERM)
		limit := time.AfterFunc(time.Minute, func() {
			t.Error("what strace traces does not end")
			_ = cmd.Process.Kill()
		})
		_ = cmd.Wait()
		limit.Stop()
	})
	t.Cleanup(end)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "attached") {
		t.Fatalf("strace says %q, %v", line, err)
	}
	return func() string {
		end()
		return require.File(t, file)
	}
}

// countCalls counts the calls of strace's output that have to do with messages, and those
// for maildirsize and the notes.
func countCalls(trace string) map[string]int {
	message := regexp.MustCompile(`\d+\.\d+\.vm,S=`)
	call := regexp.MustCompile(`^\d+ +(?:<\.\.\. )?(\w+)`)
	names := map[string]string{"openat": "open", "fstat": "fstat", "newfstatat": "other", "pread64": "read", "close": "close", "unlinkat": "unlink"}
	counted := map[string]int{}
	for line := range strings.Lines(trace) {
		match := call.FindStringSubmatch(line)
		if match == nil || strings.Contains(line, "resumed>") {
			continue
		}
		name := match[1]
		if strings.Contains(line, `"maildirsize"`) {
			counted["maildirsize"]++
		} else if name == "write" && strings.Contains(line, "vodmr.notes") {
			counted["append"]++
		} else if name != "write" && name != "sendto" && name != "getdents64" && message.MatchString(line) {
			counted[names[name]]++
		}
	}
	return counted
}

// TestKilledOnSlowFileSystem is TestKilledRelayLosesNothing with a Maildir on a file system
// whose calls take their time, so that files are read and removed beside the session.
func TestKilledOnSlowFileSystem(t *testing.T) {
	t.Parallel()
	testKills(t, 5, func(k *killSite) {
		disk := k.maildir() + ".disk"
		require.OK(t, os.Rename(k.maildir(), disk))
		k.owner.mkdir(t, k.maildir(), 0o700)
		slowfs.At(t, disk, k.maildir(), slowfs.Speed{Delay: 2 * time.Millisecond, Cache: time.Second})
	})
}
