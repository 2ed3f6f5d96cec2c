package install

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// A box is a bare Debian that systemd has booted: a machine with a network interface and
// a disk in memory. Root's shell in it is the machine's.
type box struct {
	*machine
	name string
	pid  int // of its first process, as we see it
	boot *exec.Cmd
}

// bootSystemd is a box from its first process on. $1 is debootstrap's tree, $2 a folder for
// the mounts, $3 the folder that becomes /stage, $4 the name. All changes are kept in
// memory. systemd wants a tree of control groups of its own.
const bootSystemd = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/tree"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/tree"
cd "$2/tree"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do
	: >"dev/$name"
	mount --bind "/dev/$name" "dev/$name"
done
ln -s /proc/self/fd dev/fd
: >dev/console
mkdir dev/shm dev/pts dev/mqueue dev/hugepages stage
mount -t tmpfs tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --bind "$3" stage
ip link set lo up
echo "$4" >/proc/sys/kernel/hostname
echo "$4" >etc/hostname
ln -sf /dev/null etc/systemd/system/console-getty.service
mkdir old
pivot_root . old
umount -l old
rmdir old
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal --show-status=false
`

// inOwnGroup runs the rest of its arguments in the control group $1, in namespaces of
// their own.
const inOwnGroup = `set -e
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$2"
mkdir -p "$2/$1"
echo $$ >"$2/$1/cgroup.procs"
umount "$2"
shift 2
exec unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child "$@"
`

// removeGroup removes a box's control groups, which are empty by then.
const removeGroup = `mount --make-rprivate / && mount -t cgroup2 cgroup2 "$2" && find "$2/$1" -depth -type d -exec rmdir {} +`

// newBox boots a box. base is debootstrap's tree.
func newBox(t *testing.T, base, stage, name string) *box {
	t.Helper()
	group, dir := fmt.Sprintf("vodmr-test-%d-%s-%s", os.Getpid(), t.Name(), name), t.TempDir()
	b := &box{name: name}
	b.boot = exec.Command("unshare", "--mount", "sh", "-c", inOwnGroup, "sh", group, dir,
		"sh", "-c", bootSystemd, "sh", base, dir, stage, name)
	var said strings.Builder
	b.boot.Stderr = &said
	if err := b.boot.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.stop()
		_ = b.boot.Wait()
		eventually(t, "the end of the control groups of "+name, func() bool {
			_, err := run("/", "unshare", "--mount", "sh", "-c", removeGroup, "sh", group, t.TempDir())
			return err == nil
		})
	})
	eventually(t, "the first process of "+name+": "+said.String(), func() bool {
		b.pid = firstChild(b.boot.Process.Pid)
		return b.pid != 0 && comm(b.pid) == "systemd"
	})
	b.machine = newShell(t, exec.Command("nsenter", "--target", fmt.Sprint(b.pid), "--all", "--root", "--wd",
		"/usr/bin/env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C",
		"DEBIAN_FRONTEND=noninteractive", "sh"), b.stop)
	eventually(t, "systemd in "+name, func() bool {
		out, _ := b.run("systemctl is-system-running")
		return out == "running" || out == "degraded"
	})
	return b
}

// stop ends every process of the box.
func (b *box) stop() {
	if b.pid != 0 {
		_ = unix.Kill(b.pid, unix.SIGKILL)
	}
	_ = b.boot.Process.Kill()
}

// newBareBox is a box without systemd, as a container is: its first process is root's
// shell.
func newBareBox(t *testing.T, base, stage, name string) *box {
	t.Helper()
	namespaces(t)
	cmd := exec.Command("unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child",
		"sh", "-c", boot, "sh", base, t.TempDir(), stage)
	b := &box{name: name, machine: newShell(t, cmd, func() { _ = cmd.Process.Kill() }), boot: cmd}
	b.must("export DEBIAN_FRONTEND=noninteractive")
	b.pid = firstChild(cmd.Process.Pid)
	return b
}

// firstChild is the child of a process, or 0.
func firstChild(pid int) int {
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if words := strings.Fields(string(list)); len(words) > 0 {
		return atoi(words[0])
	}
	return 0
}

// comm is the name of a process.
func comm(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}

// path is a file of the box, as we see it.
func (b *box) path(name string) string {
	return filepath.Join("/proc", fmt.Sprint(b.pid), "root", name)
}

// connect joins two boxes, each by an interface with an address.
func connect(t *testing.T, a *box, address string, b *box, other string) {
	t.Helper()
	must(t, "/", "nsenter", "--target", fmt.Sprint(a.pid), "--net", "ip", "link", "add", b.name, "type", "veth",
		"peer", "name", a.name, "netns", fmt.Sprint(b.pid))
	a.must("ip address add " + address + " dev " + b.name + " && ip link set " + b.name + " up")
	b.must("ip address add " + other + " dev " + a.name + " && ip link set " + a.name + " up")
}

// dial connects to an address as a process of the box would.
func (b *box) dial(address string) net.Conn {
	b.t.Helper()
	type result struct {
		conn net.Conn
		err  error
	}
	answer := make(chan result)
	go func() {
		// The thread is in another network now, and ends with this function.
		runtime.LockOSThread()
		network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", b.pid))
		if err == nil {
			defer network.Close()
			err = unix.Setns(int(network.Fd()), unix.CLONE_NEWNET)
		}
		var conn net.Conn
		if err == nil {
			conn, err = net.Dial("tcp", address)
		}
		answer <- result{conn, err}
	}()
	r := <-answer
	if r.err != nil {
		b.t.Fatalf("%s to %s: %v", b.name, address, r.err)
	}
	_ = r.conn.SetDeadline(time.Now().Add(patience))
	return r.conn
}

// mail sends a message by SMTP from the box to an address, and returns when it was
// accepted.
func (b *box) mail(server, from, to, subject string) time.Time {
	b.t.Helper()
	conn := b.dial(server + ":25")
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, step := range []struct{ send, want string }{
		{"", "220"}, {"EHLO " + b.name, "250"}, {"MAIL FROM:<" + from + ">", "250"}, {"RCPT TO:<" + to + ">", "250"}, {"DATA", "354"},
		{"From: <" + from + ">\r\nTo: <" + to + ">\r\nSubject: " + subject + "\r\n\r\nHello.\r\n.", "250"},
	} {
		if step.send != "" {
			fmt.Fprintf(conn, "%s\r\n", step.send)
		}
		if reply := readReply(b.t, in); !strings.HasPrefix(reply, step.want) {
			b.t.Fatalf("%s: %q was answered %q", server, step.send, reply)
		}
	}
	accepted := time.Now()
	fmt.Fprintf(conn, "QUIT\r\n")
	return accepted
}

// rcpt returns the reply to RCPT.
func (b *box) rcpt(server, to string) (reply string) {
	b.t.Helper()
	conn := b.dial(server + ":25")
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, line := range []string{"", "EHLO " + b.name + "\r\n", "MAIL FROM:<someone@mail.example.net>\r\n", "RCPT TO:<" + to + ">\r\n"} {
		fmt.Fprint(conn, line)
		reply = readReply(b.t, in)
	}
	return reply
}

// readReply reads the lines of a reply.
func readReply(t *testing.T, in *bufio.Reader) string {
	t.Helper()
	reply := ""
	for {
		line, err := in.ReadString('\n')
		reply += line
		if err != nil {
			t.Fatalf("SMTP: %v behind %q", err, reply)
		}
		if len(line) < 4 || line[3] != '-' {
			return reply
		}
	}
}

// bare is the tree of a Debian with nothing but what every rented one has.
func bare(t *testing.T) string {
	t.Helper()
	require.Root(t, "only root makes a machine")
	for _, name := range []string{"ip", "nsenter", "unshare"} {
		require.Program(t, name)
	}
	base := os.Getenv("VODMR_BARE")
	if base == "" {
		require.Skip(t, "VODMR_BARE does not name a tree that debootstrap made")
	}
	dir := t.TempDir()
	if out, err := run("/", "unshare", "--mount", "--net", "--pid", "--cgroup", "--fork", "mount", "-t", "cgroup2", "cgroup2", dir); err != nil {
		require.Skip(t, "systemd cannot run in a namespace here: %v %s", err, out)
	}
	return base
}
