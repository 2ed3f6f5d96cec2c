//go:build !linux

package sys

// Network reports if an open file or directory is on a file system that other hosts may
// change. Only Linux tells; elsewhere VODMR_LOOK says it.
func Network(int) bool { return false }

// networkName is a file system's type if other hosts may change it, otherwise "".
func networkName(kind string) string {
	if kind == "nfs" {
		return "NFS"
	}
	return ""
}
