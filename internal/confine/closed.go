package confine

import "vodmr/internal/rights"

// Landlock is what a kernel can forbid a process that has no special rights.
type Landlock struct {
	Files bool // to open files: Linux 5.13
	Ports bool // to connect to TCP ports: Linux 6.7
}

// CloseOff keeps this process, all its threads, from opening any file, from making any
// connection or process, and from reaching other processes, even as root; what is open stays
// so. It comes after Enter. A process that was never root has no other fence: it could
// read all that its user can.
// A kernel without Landlock, or without a part of it (see Kernels), leaves that as it is.
// So does a program that is linked with C. vodmr-check says so.
func CloseOff() error { return rights.Rights{}.Keep() }

// Kernels says which of these parts the running kernel has.
func Kernels() Landlock {
	version := rights.LandlockVersion()
	return Landlock{Files: version > 0, Ports: version >= portsVersion}
}

// portsVersion is the version of Landlock that brought Ports.
const portsVersion = 4
