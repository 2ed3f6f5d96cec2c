//go:build !darwin

package fdio

import "golang.org/x/sys/unix"

// noSignal keeps a send on a closed socket from raising SIGPIPE.
const noSignal = unix.MSG_NOSIGNAL
