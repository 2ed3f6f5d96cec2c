package check

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"time"

	"vodmr/internal/child"
)

// A toolRun is what a command of the mail server printed, and how it ended.
type toolRun struct {
	out, errors string
	code        int
}

// failed reports if the command could not answer: with postmap -q, exit code 1 alone means only
// that there is no such entry, and warnings may be about anything.
func (t toolRun) failed() bool {
	return t.code != 0 && (strings.Contains(t.errors, "fatal:") || strings.Contains(t.errors, "error:"))
}

// reason is the line in which the command says why it failed: the first one that is not a
// warning.
func (t toolRun) reason() string {
	lines := strings.Split(strings.TrimSpace(t.errors+"\n"+t.out), "\n")
	for _, line := range lines {
		if !strings.Contains(line, "warning:") {
			return line
		}
	}
	return lines[0]
}

// errNoTool means that a command of the mail server is not installed.
var errNoTool = errors.New("not installed")

const (
	toolTime = 10 * time.Second
	toolPath = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
)

// runTool runs a command that only asks. Its path is one that root alone can write to.
func runTool(name string, args ...string) (toolRun, error) {
	path, err := child.LookPath(name, toolPath)
	if err != nil {
		return toolRun{}, errNoTool
	}
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	var out, failure bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "PATH="+toolPath)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = "/", &out, &failure, time.Second
	err = cmd.Run()
	run := toolRun{out: out.String(), errors: failure.String()}
	if cmd.ProcessState == nil || ctx.Err() != nil {
		return run, err
	}
	run.code = cmd.ProcessState.ExitCode()
	return run, nil
}
