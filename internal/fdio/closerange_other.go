//go:build !linux

package fdio

func closeRangeOnExec(int) bool { return false }
