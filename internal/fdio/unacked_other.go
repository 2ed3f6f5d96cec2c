//go:build !linux

package fdio

// Unacknowledged is known on Linux only.
func (c *Conn) Unacknowledged() (octets int, known bool) { return 0, false }
