//go:build !(linux || freebsd || netbsd || openbsd || dragonfly || darwin)

package maildir

// askSpace does not know.
func askSpace(int) (space, error) { return space{}, nil }
