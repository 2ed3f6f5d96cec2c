// Package sys owns how a system call is repeated if a signal interrupts it.
package sys

import "golang.org/x/sys/unix"

// Retry makes a system call again as long as a signal interrupts it. NFS, mounted
// "intr", lets signals interrupt even calls that never wait otherwise.
func Retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// RetryN is Retry for a call that returns a number.
func RetryN(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR {
			return n, err
		}
	}
}
