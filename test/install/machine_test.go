package install

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// A machine is a bare Debian in namespaces: a tree of its own on top of one that
// debootstrap made, a network, and processes, which all end with the first one.
type machine struct {
	t        *testing.T
	in       io.Writer
	out      *bufio.Reader
	watchdog *time.Timer // stops the machine if a script hangs
	count    int
}

// boot sets the machine up. $1 is debootstrap's tree, $2 a folder for the mounts, $3
// the folder that becomes /stage. All changes are kept in memory.
const boot = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/tree"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/tree"
cd "$2/tree"
mount -t proc proc proc
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do
	: >"dev/$name"
	mount --bind "/dev/$name" "dev/$name"
done
ln -s /proc/self/fd dev/fd
mkdir stage
mount --bind "$3" stage
ip link set lo up
exec chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C sh
`

// site is the state that INSTALL expects: qmail's files and vpopmail's account, a
// name in the DNS, and a user other than root.
const site = `set -e
echo me.example.org >/proc/sys/kernel/hostname
echo '127.0.0.1 localhost mail.example.net me.example.org' >/etc/hosts
groupadd -g 89 vchkpw
useradd -u 89 -g vchkpw -M -d /home/vpopmail -s /bin/false vpopmail
useradd -m -s /bin/sh someone
mkdir -p /var/qmail/control /var/qmail/bin /var/qmail/users /var/qmail/queue
echo mail.example.net >/var/qmail/control/me
echo mail.example.net >/var/qmail/control/rcpthosts
: >/var/qmail/control/virtualdomains
cp /stage/qmail-queue /var/qmail/bin/
chmod 4755 /var/qmail/bin/qmail-queue
cd /stage
set +e
`

// assign is two domains in qmail's users/assign, as vadddomain writes them.
const assign = "+example.org-:example.org:89:89:/home/vpopmail/domains/example.org:-::\n" +
	"+example.com-:example.com:89:89:/home/vpopmail/domains/example.com:-::\n.\n"

// vpopmail is two domains in vpopmail, as vadddomain makes them: each has a
// postmaster, and mail for unknown recipients bounces.
const vpopmail = `set -e
mkdir -p /home/vpopmail/bin
cp /stage/vchkpw /home/vpopmail/bin/stand-in
printf '#!/bin/sh\nVCHKPW_DOMAINS=/home/vpopmail/domains exec /home/vpopmail/bin/stand-in "$@"\n' >/home/vpopmail/bin/vchkpw
cp /stage/vpopmail /home/vpopmail/bin/vadduser
chmod 755 /home/vpopmail/bin/vchkpw /home/vpopmail/bin/vadduser /home/vpopmail
for domain in example.org example.com; do
	mkdir -p /home/vpopmail/domains/$domain/postmaster/Maildir/new
	cd /home/vpopmail/domains/$domain
	echo "postmaster:*:1:0:Postmaster:$PWD/postmaster:NOQUOTA:a secret for postmaster" >vpasswd
	echo "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox" >.qmail-default
	chmod 600 vpasswd
	echo $domain >>/var/qmail/control/rcpthosts
	echo $domain:$domain >>/var/qmail/control/virtualdomains
done
chown -R vpopmail:vchkpw /home/vpopmail
cp /stage/cdb /var/qmail/users/cdb
cp /stage/assign /var/qmail/users/assign
touch /var/qmail/users/cdb
cd /stage
set +e
`

// customer is the mail server of a customer.
const customer = `set -e
postconf -e myhostname=me.example.org mydestination=example.org,me.example.org inet_interfaces=loopback-only \
	inet_protocols=ipv4 local_recipient_maps= luser_relay=someone alias_maps= alias_database= \
	maillog_file=/var/log/mail.log mynetworks=127.0.0.0/8
postfix start
set +e
`

// newMachine makes a machine with a site. Nothing outside it changes, so tests that have one
// run beside each other.
func newMachine(t *testing.T) *machine {
	t.Helper()
	t.Parallel()
	require.Root(t, "only root makes a machine")
	base := os.Getenv("VODMR_DEBIAN")
	if base == "" {
		require.Skip(t, "VODMR_DEBIAN does not name a tree that debootstrap made")
	}
	require.Program(t, "ip")
	deb := debian(t)
	namespaces(t)
	stage := newStage(t, deb)
	cmd := exec.Command("unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child",
		"sh", "-c", boot, "sh", base, t.TempDir(), stage)
	m := newShell(t, cmd, func() { _ = cmd.Process.Kill() })
	m.must(site)
	return m
}

// namespaces skips a test if none can be made.
func namespaces(t *testing.T) {
	t.Helper()
	if out, err := run("/", "unshare", "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"); err != nil {
		require.Skip(t, "no namespaces can be made: %v %s", err, out)
	}
}

// newShell starts root's shell on a machine; cmd is that shell. stop ends every process of
// the machine.
func newShell(t *testing.T, cmd *exec.Cmd, stop func()) *machine {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, far, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = far, far
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()
	watchdog := time.AfterFunc(scriptMax, stop)
	t.Cleanup(func() {
		watchdog.Stop()
		stop()
		_ = cmd.Wait()
		out.Close()
	})
	return &machine{t: t, in: in, out: bufio.NewReader(out), watchdog: watchdog}
}

// newStage makes a folder with the packages and with stand-ins for programs that are
// not in Debian.
func newStage(t *testing.T, deb string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, dir, "mkdir", "bin")
	must(t, dir, "sh", "-c", `cp "$1"/*.deb bin/`, "sh", filepath.Dir(deb))
	if err := dialogue.Build(dir, "vodmr/test/standin/qmail-queue", "vodmr/test/standin/vchkpw", "vodmr/test/standin/vpopmail"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"assign": assign, "cdb": string(cdbmake.Assign(assign))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// scriptMax is the longest time for one script; if it takes longer, the machine is
// stopped.
const scriptMax = 5 * patience

// run runs a script in root's shell, and returns what it printed and its exit code.
func (m *machine) run(script string) (string, int) {
	m.t.Helper()
	m.count++
	m.watchdog.Reset(scriptMax)
	defer m.watchdog.Stop() // between scripts, a machine may be idle for as long as it likes
	mark := fmt.Sprintf("@@ %d @@ ", m.count)
	if _, err := fmt.Fprintf(m.in, "{ %s\n} </dev/null\ncode=$?; echo; echo '%s'$code\n", script, mark); err != nil {
		m.t.Fatal(err)
	}
	var printed strings.Builder
	for {
		line, err := m.out.ReadString('\n')
		if err != nil {
			m.t.Fatalf("the machine stopped in %q: %v\n%s%s", script, err, printed.String(), line)
		}
		if code, ok := strings.CutPrefix(line, mark); ok {
			return strings.TrimRight(printed.String(), "\n"), atoi(strings.TrimSpace(code))
		}
		printed.WriteString(line)
	}
}

// must runs a script that must succeed.
func (m *machine) must(script string) string {
	m.t.Helper()
	out, code := m.run(script)
	if code != 0 {
		m.t.Fatalf("exit %d: %s\n%s", code, script, out)
	}
	return out
}

// asUser runs a script as an ordinary user, in that user's folder.
func (m *machine) asUser(script string) (string, int) {
	m.t.Helper()
	m.must("cat >/home/someone/.script <<'END OF SCRIPT'\n" + script + "\nEND OF SCRIPT\nchmod 644 /home/someone/.script")
	return m.run(`su someone -c 'cd ~; sh .script'`)
}
