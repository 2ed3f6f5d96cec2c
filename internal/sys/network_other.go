//go:build !linux

package sys

// networkName is a file system's type if other hosts may change it, otherwise "".
func networkName(kind string) string {
	if kind == "nfs" {
		return "NFS"
	}
	return ""
}
