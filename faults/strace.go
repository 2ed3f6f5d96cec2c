package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A tracing is strace(1) before a program: it does something to the Nth call of
// a name, as each of the program's threads counts its own.
type tracing struct {
	file string
	wrap []string
}

// trace makes one. what is strace's own word for what happens. Programs that the
// traced one starts are let go when they begin.
func (t *trial) trace(call, what string) *tracing {
	file := filepath.Join(t.dir, "strace")
	return &tracing{file, []string{
		"strace", "-f", "-q", "-b", "execve", "-o", file, "-e", "signal=none",
		"-e", "trace=?" + call, "-e", fmt.Sprintf("inject=?%s:%s:when=%d", call, what, t.n),
	}}
}

// saw says whether a text is in the trace.
func (x *tracing) saw(text string) bool {
	trace, err := os.ReadFile(x.file)
	return err == nil && strings.Contains(string(trace), text)
}
