//go:build linux && !amd64

package rights

// forkCalls are the old calls that make a process. Newer machines have clone alone.
func forkCalls() []uint32 { return nil }
