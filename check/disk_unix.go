//go:build !linux

package check

// remote is a file system's type if other hosts may change it, otherwise "".
func remote(kind string) string {
	if kind == "nfs" {
		return "NFS"
	}
	return ""
}
