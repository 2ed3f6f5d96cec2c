package require

import (
	"os/exec"
	"syscall"
	"testing"
)

// UserNamespace skips a test that needs one if none can be made, as in a chroot.
func UserNamespace(t testing.TB, why string) {
	t.Helper()
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	if err := cmd.Run(); err != nil {
		Skip(t, "no user namespace can be made (%v; the kernel makes none in a chroot): %s", err, why)
	}
}
