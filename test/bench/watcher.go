package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A usage is what one process uses.
type usage struct {
	pid     int
	kib     int64 // of memory, PSS: a shared page is counted once, divided among its processes
	threads int
	ran     time.Duration // on a processor
}

// A watcher is this program once more, which stays root: processes that give up their rights
// hide from other users what they use.
type watcher struct {
	cmd     *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Scanner
}

const watcherVariable = "VODMR_BENCH_WATCHER"

// isWatcher reports if this process was started as one.
func isWatcher() bool { return os.Getenv(watcherVariable) != "" }

func startWatcher() (*watcher, error) {
	w := &watcher{cmd: exec.Command("/proc/self/exe")}
	w.cmd.Env = append(os.Environ(), watcherVariable+"=1")
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if w.ask, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	w.answers = bufio.NewScanner(out)
	return w, w.cmd.Start()
}

// of returns what the processes of a program use.
func (w *watcher) of(program string) (list []usage, err error) {
	if _, err := fmt.Fprintln(w.ask, program); err != nil {
		return nil, err
	}
	for w.answers.Scan() && w.answers.Text() != "" {
		var u usage
		if _, err := fmt.Sscan(w.answers.Text(), &u.pid, &u.kib, &u.threads, &u.ran); err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, w.answers.Err()
}

func (w *watcher) end() {
	w.ask.Close()
	_ = w.cmd.Wait()
}

// watch answers until nobody asks any more.
func watch(asked io.Reader, answers io.Writer) {
	lines := bufio.NewScanner(asked)
	for lines.Scan() {
		for _, pid := range processes(lines.Text()) {
			threads, ran := scheduled(pid)
			fmt.Fprintln(answers, pid, pss(pid), threads, int64(ran))
		}
		fmt.Fprintln(answers)
	}
}

// processes returns the process ids of a program.
func processes(path string) []int {
	var list []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if exe, err := os.Readlink(filepath.Join("/proc", entry.Name(), "exe")); err == nil && exe == path {
			list = append(list, pid)
		}
	}
	return list
}

// scheduled returns how many threads a process has, and for how long they ran.
func scheduled(pid int) (threads int, ran time.Duration) {
	files, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "schedstat"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		first, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(first, 10, 64)
		ran += time.Duration(ns)
	}
	return len(files), ran
}

// sums adds up.
func sums(list []usage) (all usage) {
	for _, u := range list {
		all.kib, all.threads, all.ran = all.kib+u.kib, all.threads+u.threads, all.ran+u.ran
	}
	return all
}
