package rights

import "golang.org/x/sys/unix"

// forkCalls are the old calls that make a process, which this machine still has.
func forkCalls() []uint32 { return []uint32{unix.SYS_FORK, unix.SYS_VFORK} }
