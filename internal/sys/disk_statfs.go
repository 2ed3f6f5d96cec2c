//go:build linux || freebsd || openbsd || darwin

package sys

import "golang.org/x/sys/unix"

type statfs = unix.Statfs_t

func fstatfs(fd int, st *statfs) error { return unix.Fstatfs(fd, st) }

func statfsAt(path string, st *statfs) error { return unix.Statfs(path, st) }
