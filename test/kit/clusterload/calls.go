package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// calls measures the calls of one message after the other, which fill has put into the
// folder, and removes them.
func calls(args []string) error {
	dir, err := unix.Open(args[0]+"/new", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	took := map[string][]time.Duration{}
	for i := range number(args[1]) {
		name := fmt.Sprintf("%d.%d.front", 1795339000+i/4, 100000+i)
		if err := measure(dir, name, took); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, name := range []string{"open", "fstat", "read", "close", "stat", "stat of no file", "unlink"} {
		fmt.Printf("%-16s %.1f ms\n", name, milliseconds(median(took[name])))
	}
	return nil
}

func measure(dir int, name string, took map[string][]time.Duration) error {
	var st unix.Stat_t
	fd, buf := -1, make([]byte, 64<<10)
	for _, step := range []struct {
		name string
		call func() error
	}{
		{"open", func() (err error) { fd, err = unix.Openat(dir, name, unix.O_RDONLY, 0); return err }},
		{"fstat", func() error { return unix.Fstat(fd, &st) }},
		{"read", func() error { _, err := unix.Pread(fd, buf, 0); return err }},
		{"close", func() error { return unix.Close(fd) }},
		{"stat", func() error { return unix.Fstatat(dir, name, &st, 0) }},
		{"stat of no file", func() error {
			if err := unix.Fstatat(dir, name+".none", &st, 0); err != unix.ENOENT {
				return err
			}
			return nil
		}},
		{"unlink", func() error { return unix.Unlinkat(dir, name, 0) }},
	} {
		began := time.Now()
		if err := step.call(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		took[step.name] = append(took[step.name], time.Since(began))
	}
	return nil
}
