//go:build !linux

package fdio

// silent cannot be told here: the system's own limits end a dead connection.
func silent(int) bool { return false }

// UserTimeout does nothing: these systems have no such limit.
func UserTimeout(int) {}

// NoUserTimeout has nothing to take back.
func NoUserTimeout(int) {}
