//go:build !linux

package child

import "time"

// KillAfter is for Linux: elsewhere a program that hangs stays until its own limits end it.
func KillAfter(time.Duration) {}

// StopTimer has nothing to stop.
func StopTimer() {}
