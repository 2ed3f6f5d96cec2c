package main

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// A log that nobody reads any more, because its disk is full for example, does not keep atrn
// from its work.
func TestNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	require.OK(t, err)
	defer r.Close()
	for err == nil {
		require.OK(t, w.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
		_, err = w.Write(make([]byte, 1024))
	}
	cmd := exec.Command(atrn(), "-v", "-T", "none", "-u", "u", "-p", passfile(t, 0o600), "-d", "b.example", "-e", "exit 0", "-m", t.TempDir())
	cmd.Stderr = w
	require.OK(t, cmd.Start())
	w.Close()
	limit := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	if !limit.Stop() || cmd.ProcessState.ExitCode() != 111 {
		t.Errorf("atrn waits for its reader: %v", cmd.ProcessState)
	}
}
