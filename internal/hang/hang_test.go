package hang

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/internal/logline"
	"vodmr/test/kit/require"
)

// guarded begins to guard, and returns what tells that the guard gave up, and the log.
func guarded(t *testing.T, limit time.Duration) (g *Guard, gaveUp chan bool, log func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(path)
	require.OK(t, err)
	t.Cleanup(func() { file.Close() })
	gaveUp = make(chan bool, 1)
	g = Watch(limit, "open it", logline.New(int(file.Fd()), "test", "1"), func(*logline.Logger) { gaveUp <- true })
	return g, gaveUp, func() string { return require.File(t, path) }
}

// A thread that hangs is spoken for, with the name of its last call in the log.
func TestGuardGivesUp(t *testing.T) {
	g, gaveUp, log := guarded(t, time.Second)
	g.Next("read it", 0)
	<-gaveUp
	if g.End() {
		t.Error("the thread and the guard both speak")
	}
	if text := log(); !strings.Contains(text, `error call="read it" reason="the file system does not answer" seconds=`) {
		t.Errorf("the log is %q", text)
	}
}

// A thread that is done in time speaks itself, and the guard says nothing.
func TestGuardEnds(t *testing.T) {
	g, gaveUp, log := guarded(t, time.Hour)
	g.Next("wait for it", time.Hour)
	if !g.End() || len(gaveUp) > 0 || log() != "" {
		t.Errorf("the guard spoke: %q", log())
	}
	g.fire() // a timer that had fired already
	if len(gaveUp) > 0 || log() != "" {
		t.Errorf("the guard spoke later: %q", log())
	}
}

// The patience of a call is added to the limit.
func TestGuardsPatience(t *testing.T) {
	g, gaveUp, _ := guarded(t, 100*time.Millisecond)
	g.Next("wait for it", time.Hour)
	if left := time.Until(g.until); left < 59*time.Minute || len(gaveUp) > 0 {
		t.Errorf("it has %v left", left)
	}
	g.End()
}

// A nil Guard never speaks.
func TestNoGuard(t *testing.T) {
	var g *Guard
	g.Next("open it", time.Second)
	if !g.End() {
		t.Error("a guard that is not there has spoken")
	}
}
