package rights

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const closedOff = "VODMR_TEST_CLOSED_OFF"

// After Rights{}.Keep not even a process with all rights opens a file or a connection. It is
// tried in a process of its own, for nothing takes it back.
func TestKeepNone(t *testing.T) {
	if os.Getenv(closedOff) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKeepNone$")
		cmd.Env = append(os.Environ(), closedOff+"=yes")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	version, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		t.Skip("no Landlock here")
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); errno == syscall.ENOTSUP {
		t.Skip("linked with C: run it with CGO_ENABLED=0, as the programs are built")
	}
	if err := (Rights{}).Keep(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/etc/passwd", "/", os.Args[0]} {
		if _, err := os.Open(name); !errors.Is(err, unix.EACCES) {
			t.Errorf("%s: %v, want no permission", name, err)
		}
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	to := &unix.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Connect(s, to); version >= 4 && !errors.Is(err, unix.EACCES) {
		t.Errorf("connect: %v, want no permission", err)
	}
}
