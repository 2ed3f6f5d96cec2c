// Floor does the least that any relay of a Maildir must do, as a yardstick for
// vodmr-relay: it lists the folder, then opens, reads, writes to the socket, closes
// and unlinks each message, oldest first. It speaks no SMTP, waits for no reply and
// knows no envelope.
//
//	floor FOLDER
//
// The socket is descriptor 1. It starts after it has read a byte from descriptor 0,
// so its own start-up is not measured.
package main

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: floor FOLDER")
		os.Exit(100)
	}
	if err := relay(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(111)
	}
}

func relay(folder string) error {
	if n, err := unix.Read(0, make([]byte, 1)); n != 1 {
		return fmt.Errorf("nobody says go: %w", err)
	}
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names) // all times in the names have the same length
	fd, buf := int(dir.Fd()), make([]byte, 2<<20)
	for _, name := range names {
		if err := move(fd, name, buf); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return dir.Close()
}

// move sends one message and removes it. One read is enough, because buf is larger
// than any message here.
func move(dir int, name string, buf []byte) error {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	n, err := unix.Read(fd, buf)
	unix.Close(fd)
	if err != nil {
		return err
	}
	for sent := 0; sent < n; {
		wrote, err := unix.Write(1, buf[sent:n])
		if err != nil {
			return err
		}
		sent += wrote
	}
	return unix.Unlinkat(dir, name, 0)
}
