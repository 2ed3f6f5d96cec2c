package rights

import (
	"fmt"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"vodmr/internal/sys"
)

// landlockRules is the kernel's struct landlock_ruleset_attr: what is forbidden about files,
// about ports, and towards processes outside. A version of Landlock knows a certain number of
// the rights, and of these words.
func landlockRules(version int) []uint64 {
	rules := []uint64{unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	if version >= 2 {
		rules[0] |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		rules[0] |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		rules = append(rules, unix.LANDLOCK_ACCESS_NET_BIND_TCP|unix.LANDLOCK_ACCESS_NET_CONNECT_TCP)
	}
	if version >= 6 {
		rules = append(rules, scopeAbstractSocket)
	}
	if version >= 7 {
		// Before, a thread could not signal another one of its own process, which Go's
		// runtime needs.
		rules[2] |= scopeSignal
	}
	return rules
}

// Of the kernel's linux/landlock.h.
const (
	scopeAbstractSocket = 1 << 0
	scopeSignal         = 1 << 1
)

// A ruleset is the kernel's list of what is allowed. All that its version knows of is forbidden
// otherwise.
type ruleset struct {
	fd      int
	version int
	files   uint64
}

// LandlockVersion is the kernel's version of Landlock; 0 without it.
func LandlockVersion() int {
	version, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// newRuleset is nil without Landlock.
func newRuleset() (*ruleset, error) {
	version := LandlockVersion()
	if version == 0 {
		return nil, nil
	}
	rules := landlockRules(version)
	size := uintptr(len(rules)) * unsafe.Sizeof(rules[0])
	fd, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules[0])), size, 0)
	if errno != 0 {
		return nil, errno
	}
	return &ruleset{int(fd), version, rules[0]}, nil
}

// allowPath allows what can be done below a path. If nothing is there, or nothing that this user
// may reach, nothing needs to be allowed.
func (s *ruleset) allowPath(path string, rights uint64) error {
	fd, err := openPath(path, rights == writeRights)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENOTDIR, unix.EACCES, unix.ELOOP:
		return nil
	default:
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	return s.allow(fd, rights)
}

// openPath opens what is at a path. A straight one leads through folders only, and to one, and
// not through links. (openat2 could do that, but systemd's RestrictSUIDSGID forbids it.)
func openPath(path string, straight bool) (fd int, err error) {
	if !straight {
		return sys.Open(unix.AT_FDCWD, path, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	const folder = unix.O_PATH | unix.O_CLOEXEC | unix.O_DIRECTORY | unix.O_NOFOLLOW
	if fd, err = sys.Open(unix.AT_FDCWD, "/", folder, 0); err != nil {
		return -1, err
	}
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		above := fd
		fd, err = sys.Open(above, part, folder, 0)
		unix.Close(above)
		if err != nil {
			return -1, err
		}
	}
	return fd, nil
}

// allow allows what can be done below an open folder, or with an open file.
func (s *ruleset) allow(fd int, rights uint64) error {
	var st unix.Stat_t
	if err := sys.Stat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights & s.files, Parent_fd: int32(fd)}
	return s.add(unix.LANDLOCK_RULE_PATH_BENEATH, unsafe.Pointer(&rule))
}

// allowPort allows connections to a TCP port.
func (s *ruleset) allowPort(port int) error {
	if s.version < 4 {
		return nil
	}
	rule := [2]uint64{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, uint64(port)}
	return s.add(ruleNetPort, unsafe.Pointer(&rule))
}

// ruleNetPort is LANDLOCK_RULE_NET_PORT.
const ruleNetPort = 2

func (s *ruleset) add(kind uintptr, rule unsafe.Pointer) error {
	_, _, errno := syscall.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(s.fd), kind, uintptr(rule), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// enforce confines all threads. A program that is linked with C, as tests may be, has no
// way to do so.
func (s *ruleset) enforce() error {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(s.fd), 0, 0)
	if errno != 0 && errno != syscall.ENOTSUP {
		return errno
	}
	return nil
}
