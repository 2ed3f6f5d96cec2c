package fdio

import "golang.org/x/sys/unix"

// fionread asks how many bytes wait to be read.
const fionread = unix.TIOCINQ
