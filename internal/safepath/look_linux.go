package safepath

import "golang.org/x/sys/unix"

// look opens a directory that is only to be looked up in: the right to search it is
// enough, as it is for a path.
const look = unix.O_PATH
