package confine

import "vodmr/internal/rights"

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
	return Landlock{Files: version > 0, Ports: version >= portsVersion, Signals: version >= scopeVersion}
}

// The versions of Landlock that brought a part of it.
const (
	portsVersion = 4 // Linux 6.7
	scopeVersion = 6 // Linux 6.12
)
