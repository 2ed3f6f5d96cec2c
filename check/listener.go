package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// listener names the process that listens on the port, if the kernel tells. Linux does, in
// /proc, and tells all of it to root only.
func (s *site) listener() string {
	inodes := map[string]bool{}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		text, err := readProc(filepath.Join(s.proc, table))
		if err != nil {
			continue
		}
		for line := range strings.Lines(text) {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", s.Port)) {
				inodes["socket:["+f[9]+"]"] = true
			}
		}
	}
	if len(inodes) == 0 {
		return ""
	}
	return s.holder(inodes)
}

// holder looks through the processes' descriptors.
func (s *site) holder(inodes map[string]bool) string {
	descriptors, _ := filepath.Glob(filepath.Join(s.proc, "[0-9]*/fd/*"))
	for _, path := range descriptors {
		link, err := os.Readlink(path)
		if err != nil || !inodes[link] {
			continue
		}
		process := filepath.Dir(filepath.Dir(path))
		name, _ := readProc(filepath.Join(process, "comm"))
		return ", from process " + filepath.Base(process) + " " + strings.TrimSpace(name)
	}
	return ""
}

// readProc reads a file of the kernel: its size there means nothing.
func readProc(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: %w", path, os.ErrNotExist)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}
