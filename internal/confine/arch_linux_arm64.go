package confine

import "golang.org/x/sys/unix"

// auditArch is the kernel's name for this machine's calling convention.
const auditArch = unix.AUDIT_ARCH_AARCH64
