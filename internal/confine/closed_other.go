//go:build !linux

package confine

// CloseOff has nothing to do: these systems have no such call that all of them share.
func CloseOff() error { return nil }

// Kernels says that there is no Landlock.
func Kernels() Landlock { return Landlock{} }
