//go:build !linux

package fdio

// silent cannot be told here: the system's own limits end a dead connection.
func silent(int) bool { return false }
