package confine

// Landlock is what a kernel can forbid a process that has no special rights.
type Landlock struct {
	Files   bool // to open files: Linux 5.13
	Ports   bool // to connect to TCP ports: Linux 6.7
	Signals bool // to send signals to processes outside: Linux 6.12
}
