// Package overlay runs a mail server that only runs if it is installed: in a mount and
// pid namespace, over this machine's files, with the server's own files laid over them in
// memory. Nothing of it is left when its first process ends.
package overlay

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrMissing means that this machine cannot run the server: a package is not unpacked, or
// no namespace can be made.
var ErrMissing = errors.New("not on this machine")

// A Tree is what the server sees as the machine's files.
type Tree struct {
	// Dir is the caller's folder. The server sees it under the same path.
	Dir string
	// Packages are unpacked packages, as Package returns them.
	Packages []string
	// Accounts are users that the server knows by name, each as NAME:UID:HOME. Each has
	// a group of the same name and number.
	Accounts []string
	// Host is the name that the machine has.
	Host string
	// Folders are more folders that the server sees under the same path: those on
	// another file system than the root.
	Folders []string
}

// Package returns the folder that scripts/test unpacked a package into, below the one
// that VODMR_PEERS names. The error is ErrMissing.
func Package(name string) (string, error) {
	all := os.Getenv("VODMR_PEERS")
	if all == "" {
		return "", fmt.Errorf("%w: VODMR_PEERS does not name the folder of unpacked mail servers", ErrMissing)
	}
	dir := filepath.Join(all, name)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("%w: %s is not unpacked: %w", ErrMissing, name, err)
	}
	return dir, nil
}

// namespace are the arguments of unshare(1). The namespace ends with its first process.
func namespace() []string {
	return []string{"--mount", "--uts", "--pid", "--fork", "--kill-child"}
}

// Command returns the command that runs a program in the tree, as root. The caller starts
// it. The error is ErrMissing if no namespace can be made.
func (t *Tree) Command(argv ...string) (*exec.Cmd, error) {
	mount := filepath.Join(t.Dir, "mount")
	if err := os.Mkdir(mount, 0o755); err != nil {
		return nil, err
	}
	try := append(namespace(), "mount", "-t", "tmpfs", "tmpfs", mount)
	if out, err := exec.Command("unshare", try...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: no namespace can be made: %w: %s", ErrMissing, err, strings.TrimSpace(string(out)))
	}
	args := append(namespace(), "sh", "-c", script, "overlay", mount, t.Host,
		strings.Join(t.Packages, "\n"), strings.Join(append([]string{t.Dir}, t.Folders...), "\n"), strings.Join(t.Accounts, "\n"))
	return exec.Command("unshare", append(args, argv...)...), nil
}

// script makes the tree. $1 is a folder to mount it on, $2 the host's name, $3 to $5 the
// packages, folders and accounts, one a line; the command follows.
const script = `set -e
mount=$1 host=$2 packages=$3 folders=$4 accounts=$5
shift 5
mount --make-rprivate /
mount -t tmpfs tmpfs "$mount"
mkdir "$mount/upper" "$mount/work" "$mount/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$mount/upper,workdir=$mount/work" "$mount/root"
cd "$mount/root"
for package in $packages; do cp -R "$package/usr" .; done
mount -t proc proc proc
mount --rbind /dev dev
for folder in $folders; do
	mkdir -p ".$folder"
	mount --bind "$folder" ".$folder"
done
for account in $accounts; do
	name=${account%%:*} home=${account##*:}
	id=${account#*:}
	id=${id%:*}
	grep -q "^$name:" etc/passwd || echo "$name:x:$id:$id::$home:/bin/sh" >>etc/passwd
	grep -q "^$name:" etc/group || echo "$name:x:$id:" >>etc/group
done
echo "$host" >proc/sys/kernel/hostname
echo "127.0.0.1 $host localhost" >etc/hosts
exec chroot . "$@"
`

// Enter returns a command that runs a program in the tree of a server that was started by
// Command. The caller starts it, as root.
func Enter(server *exec.Cmd, argv ...string) (*exec.Cmd, error) {
	pid := server.Process.Pid
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if _, err := strconv.Atoi(first); err != nil {
		return nil, fmt.Errorf("the server of process %d does not run", pid)
	}
	args := []string{"--target", first, "--mount", "--uts", "--pid", "--root", "--wd"}
	return exec.Command("nsenter", append(append(args, "--"), argv...)...), nil
}
