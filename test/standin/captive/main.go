// Captive stands in for a program that a stranger has taken over. It gives up its rights as
// that program does, and then tries what its arguments say, each of which is an
// attempt and its object. For each it prints a line: "done", or the error's text.
//
//	read PATH      open a file or folder for reading
//	write PATH     open a file for writing, made if it is missing
//	remove PATH    remove a file
//	connect HOST:PORT
//	listen         be a server on a free port of 127.0.0.1
//	run PATH       start a program in a new process
//	become PATH    become a program
//	fork           make a process
//	trace PID      trace a process
//	memory PID     read another process's memory
//	signal PID     send a process a signal that it ignores
//	thread         make a thread, and read a file's worth of memory there
//
// The rights are a value of rights.Rights as JSON in the variable CAPTIVE_RIGHTS.
package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"vodmr/internal/rights"
)

func main() {
	var keeps rights.Rights
	err := json.Unmarshal([]byte(os.Getenv("CAPTIVE_RIGHTS")), &keeps)
	if err == nil {
		err = keeps.Keep()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "captive:", err)
		os.Exit(1)
	}
	for i := 1; i+1 < len(os.Args); i += 2 {
		if err := attempt(os.Args[i], os.Args[i+1]); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("done")
		}
	}
}

func attempt(what, object string) error {
	number, _ := strconv.Atoi(object)
	try, known := map[string]func() error{
		"read":    func() error { return open(object, unix.O_RDONLY) },
		"write":   func() error { return open(object, unix.O_WRONLY|unix.O_CREAT) },
		"remove":  func() error { return unix.Unlink(object) },
		"connect": func() error { return connect(object) },
		"listen":  listen,
		"run":     func() error { return run(object) },
		"become":  func() error { return unix.Exec(object, []string{object}, nil) },
		"fork":    fork,
		"trace":   func() error { return unix.PtraceAttach(number) },
		"memory":  func() error { return memory(number) },
		"signal":  func() error { return unix.Kill(number, unix.SIGURG) },
		"thread":  thread,
	}[what]
	if !known {
		return fmt.Errorf("no attempt is called %q", what)
	}
	return try()
}

func open(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func connect(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
}

func listen() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
}

func run(path string) error {
	pid, err := syscall.ForkExec(path, []string{path}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
	if err == nil {
		_, err = unix.Wait4(pid, nil, 0, nil)
	}
	return err
}

func fork() error {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

func memory(pid int) error {
	there := make([]byte, 1)
	_, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &there[0], Len: 1}}, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0)
	if err == nil {
		return nil
	}
	if fileErr := open("/proc/"+strconv.Itoa(pid)+"/mem", unix.O_RDONLY); fileErr == nil {
		return nil
	}
	return err
}

// thread shows that Go's runtime still works: threads, signals between them, the collector.
func thread() error {
	done := make(chan bool)
	for range 20 {
		go func() {
			runtime.LockOSThread() // which ends with the goroutine
			runtime.GC()
			done <- true
		}()
	}
	for range 20 {
		<-done
	}
	return nil
}
