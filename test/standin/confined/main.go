//go:build linux

// Confined is a process in the place of one that strangers speak to and have taken over: it
// gives up its rights as that does, tries what it must not be able to do, and prints a line
// for each try. Its argument is the id of a process of the same user.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"vodmr/internal/confine"
)

func main() {
	other, err := strconv.Atoi(os.Args[1])
	var account *confine.User
	if err == nil && len(os.Args) > 2 {
		account, err = confine.LookUp(os.Args[2])
	}
	if err = errors.Join(err, account.Enter(), confine.CloseOff()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, name := range []string{"/etc/passwd", "/", "/proc/self/exe", "/var/empty"} {
		_, err := os.Open(name)
		tell("open "+name, err)
	}
	tell("write a file", os.WriteFile("/tmp/vodmr-confined", nil, 0o600))
	tell("connect", connect())
	tell("kill", unix.Kill(other, unix.SIGURG))
	tell("tgkill", unix.Tgkill(other, other, unix.SIGURG))
	tell("pidfd_send_signal", byDescriptor(other))
	tell("prlimit", unix.Prlimit(other, unix.RLIMIT_NOFILE, &unix.Rlimit{}, nil))
	tell("ptrace", unix.PtraceAttach(other))
	tell("become root", unix.Setuid(0))
	tell("own thread", unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGURG))
}

func tell(what string, err error) { fmt.Printf("%s: %v\n", what, err) }

func connect() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	return unix.Connect(s, &unix.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}})
}

func byDescriptor(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	return unix.PidfdSendSignal(fd, unix.SIGURG, nil, 0)
}
