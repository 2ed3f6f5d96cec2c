//go:build !linux && !openbsd

package rights

// Keep leaves no core file. These systems have no call by which a process that is no
// longer root gives up files.
func (r Rights) Keep() error { return KeepSecret() }

// Available reports if this system can confine a process.
func Available() bool { return false }

// LandlockVersion is 0: Landlock is Linux's.
func LandlockVersion() int { return 0 }
