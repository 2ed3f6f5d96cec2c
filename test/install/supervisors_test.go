package install

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// A supervision is a machine without systemd: the packages on it that supervise services, of
// daemontools, runit and s6, and the one of them that runs.
type supervision struct {
	name      string
	installed string // besides daemontools, which is in the tree
	alone     bool   // daemontools is not there
	folder    string // of the links
	scanner   string // the command
	processes string // the supervisor's and the log's
	restart   string // what a person would type
	purge     bool   // the packages are purged, in place of -d
	late      bool   // the scanner starts after the service
}

var supervisions = []supervision{
	{name: "daemontools", folder: "/etc/service", scanner: "svscan /etc/service", processes: "supervise multilog", restart: "svc -t"},
	{name: "runit", installed: "runit", alone: true, folder: "/etc/service", scanner: "runsvdir -P /etc/service", processes: "runsv svlogd", restart: "sv term"},
	{name: "s6", installed: "s6", alone: true, folder: "/run/service", scanner: "s6-svscan /run/service", processes: "s6-supervise s6-log", restart: "s6-svc -t", late: true},
	// Debian's runit brings /etc/service, and who looks at another folder does not want it.
	{name: "all", installed: "runit s6", folder: "/var/service", scanner: "cd /var && runsvdir service log:...", processes: "runsv multilog", restart: "sv term", purge: true},
}

// unpackSupervisors puts the programs of runit and s6, as they are on this machine, into
// folders of the stage.
const unpackSupervisors = `set -e
for name in runit s6; do
	mkdir -p "$1/$name/bin" "$1/$name/lib"
	for program in $(dpkg -L $name | grep '/bin/.'); do cp -L $program "$1/$name/bin/"; done
	for library in $(ldd "$1/$name"/bin/* | grep -oE '/[^ ]*/lib(s6|skarnet|execline)[^ ]*' | sort -u); do cp -L $library "$1/$name/lib/"; done
done
`

// Without systemd both ends are services of daemontools, runit or s6. What supervises them
// decides, and not what is installed besides. Both ends are one machine.
func TestBothEndsUnderEachSupervisor(t *testing.T) {
	t.Parallel()
	require.Root(t, "only root makes a machine")
	base := os.Getenv("VODMR_DEBIAN")
	if base == "" {
		require.Skip(t, "VODMR_DEBIAN does not name a tree that debootstrap made")
	}
	require.Program(t, "runsvdir")
	require.Program(t, "s6-svscan")
	stage := newStage(t, debian(t))
	must(t, "/", "sh", "-c", unpackSupervisors, "sh", stage)
	for _, s := range supervisions {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			e := &ends{setUp: &setUp{machine: newBareBox(t, base, stage, "front").machine}, supervision: s}
			e.begin()
			e.provider()
			e.customer()
			e.changes()
			e.logs()
			e.gone()
		})
	}
}

// supervisors has what both set-up programs know about supervisors.
const supervisors = "../../dist/setup/supervisors.sh"

// Both set-up programs have the same functions for supervisors, and so do the packages. None
// of them reads a file of the source.
func TestSupervisorsAreHandledByOneRule(t *testing.T) {
	rule, err := os.ReadFile(supervisors)
	require.OK(t, err)
	debs := packages(t)
	for deb, program := range map[string]string{debs[0]: "vodmr-front", debs[1]: "atrn-conf"} {
		dir := t.TempDir()
		must(t, "/", "dpkg-deb", "-R", deb, dir)
		for _, path := range []string{"DEBIAN/prerm", "usr/bin/" + program} {
			text, err := os.ReadFile(filepath.Join(dir, path))
			require.OK(t, err)
			if bytes.Count(text, rule) != 1 || bytes.Contains(text, []byte("dist/setup")) {
				t.Errorf("%s of %s does not have them once", path, filepath.Base(deb))
			}
		}
	}
}

// runsvdir is in the folder that it looks at only while it looks there. A link that stands
// there is found at that moment too.
func TestFolderIsFoundWhileItIsLookedAt(t *testing.T) {
	require.Root(t, "only root's supervisors count")
	dir := t.TempDir()
	file, err := filepath.Abs(supervisors)
	require.OK(t, err)
	folder := filepath.Join(dir, "1000")
	must(t, "/", "sh", "-c", `mkdir "$1" && cp "$(command -v sleep)" "$2/runsvdir"`, "sh", folder, dir)
	for _, from := range []string{dir, folder} {
		cmd := exec.Command(filepath.Join(dir, "runsvdir"), "1000") // seconds, and the folder's name
		cmd.Dir = from
		require.OK(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		scanned := must(t, "/", "sh", "-c", `. "$1"; scanned || :`, "sh", file)
		if n := strings.Count("\n"+scanned, "\n"+folder+"\n"); n != 1 {
			t.Errorf("runsvdir in %s: %s is found %d times in\n%s", from, folder, n, scanned)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// If the link's place is taken by a folder of somebody else, that stays as it is and is named at once.
func TestLinkTakesNobodysPlace(t *testing.T) {
	dir := t.TempDir()
	must(t, "/", "sh", "-c", `mkdir "$1/ours" "$1/scanned" "$1/scanned/vodmr"`, "sh", dir)
	const script = `. "$0"; fail() { echo "$*"; exit 111; }; must_link "$1/ours" "$1/scanned/vodmr" && link_service "$1/ours" "$1/scanned/vodmr"`
	out, err := exec.Command("sh", "-c", script, supervisors, dir).CombinedOutput()
	if left := must(t, dir, "sh", "-c", "find . | sort"); err == nil || left != ".\n./ours\n./scanned\n./scanned/vodmr\n" || !strings.Contains(string(out), dir+"/scanned/vodmr is") {
		t.Errorf("%v: %s\n%s", err, out, left)
	}
	must(t, dir, "rmdir", "scanned/vodmr")
	for range 2 {
		must(t, ".", "sh", "-c", script, supervisors, dir)
	}
	if target, err := os.Readlink(dir + "/scanned/vodmr"); target != dir+"/ours" {
		t.Errorf("the link leads to %q: %v", target, err)
	}
}

// A process that was started without a supervisor is known by its number and its folder: if /run
// outlives a container's restart, the number may be another process's.
func TestAnotherProcessHasTheNumber(t *testing.T) {
	dir := t.TempDir()
	must(t, dir, "mkdir", "ours")
	got := must(t, ".", "sh", "-c", `program=test; . ../../dist/setup/supervisors.sh; . ../../dist/setup/common.sh
		pidfile=$1/pid service=$1/ours
		for from in "$1" "$1/ours"; do
			cd "$from"
			sleep 60 & echo $! >"$1/pid"
			! alive || echo "in $from"
			kill $!
			wait $! 2>/dev/null || :
			! alive || echo "the dead one in $from"
		done`, "sh", dir)
	if got != "in "+dir+"/ours\n" {
		t.Errorf("alive is\n%s", got)
	}
}

// ends are both ends on one machine.
type ends struct {
	*setUp
	supervision
}

// begin installs the packages, and starts the scanner and two mail servers of the customer.
func (e *ends) begin() {
	e.t.Helper()
	e.must("echo mail.example.net >/proc/sys/kernel/hostname; echo '127.0.0.1 localhost mail.example.net' >/etc/hosts")
	if e.alone {
		e.must("rm -f $(dpkg -L daemontools | grep '/bin/.')")
	}
	for name := range strings.FieldsSeq(e.installed) {
		e.must("cp /stage/" + name + "/bin/* /usr/bin/; cp /stage/" + name + "/lib/* /usr/lib/ 2>/dev/null || :")
	}
	e.must("dpkg -i --force-depends /stage/bin/*.deb; mkdir -p /run/service /var/service; ls -l /etc/service >&2")
	e.must("postconf -e myhostname=mail.example.net inet_interfaces=all inet_protocols=ipv4 mydestination=mail.example.net")
	e.must(hasty)
	e.must("cat >/usr/local/bin/take <<'end'\n" + take + "end\nchmod 755 /usr/local/bin/take; : >/srv/box2525; : >/srv/box2526; chmod 666 /srv/box*")
	e.must("for port in 2525 2526; do BOX=$port tcpserver -RHl0 127.0.0.1 $port take >/dev/null 2>&1 & echo $!; done >/root/servers")
	if e.purge {
		e.must(strangers)
	}
	if !e.late {
		e.scan()
	}
}

// hasty saves Postfix's waits: its programs read no main.cf that changed in the last two seconds.
const hasty = `set -e
printf '#!/bin/sh\n/usr/sbin/postconf "$@"\nset -- $?\ntouch -d "5 seconds ago" /etc/postfix/*.cf\nexit $1\n' >/usr/local/sbin/postconf
chmod 755 /usr/local/sbin/postconf
set +e
`

// strangers are supervisors in a container, here another root folder, and of a user.
const strangers = `set -e
for root in /srv/container /srv/own; do mkdir -p $root/service; done
cp --parents /usr/bin/svscan $(ldd /usr/bin/svscan | grep -o '/[^ ]*') /srv/container
chown nobody /srv/own
chroot /srv/container /usr/bin/svscan /service >/dev/null 2>&1 &
chpst -u nobody s6-svscan /srv/own >/dev/null 2>&1 &
set +e
`

// scan starts the scanner.
func (e *ends) scan() {
	e.t.Helper()
	e.must("{ " + e.scanner + " >/dev/null 2>&1 & echo $! >/root/scanner; }")
}

// message sends one, which the customer's server at a port gets. Then it leaves the front.
func (e *ends) message(port, text string) {
	e.t.Helper()
	e.must("echo '" + text + "' | sendmail -f root@mail.example.net someone@example.org")
	eventually(e.t, text, func() bool {
		return strings.Contains(e.must("cat /srv/box"+port), text) && e.must("find /var/lib/vodmr -path '*/new/*'") == ""
	})
}

// provider sets up the front, and changes a setting: the service starts again.
func (e *ends) provider() {
	e.t.Helper()
	command := "vodmr-front mail.example.net example.org"
	e.want(0, "vodmr-front -n mail.example.net example.org", map[bool]string{
		false: "would link /etc/vodmr as " + e.folder + "/vodmr,", true: "would start /etc/vodmr/run"}[e.late])
	e.invited(command, "/root/invitation")
	if e.late {
		e.unchanged(0, command, "nothing to change")
		e.scan()
		e.screen = e.want(0, command, "end what was started without a supervisor")
	}
	for _, text := range []string{"link /etc/vodmr as " + e.folder + "/vodmr,", "link /etc/vodmr/expire as " + e.folder + "/vodmrexpire,"} {
		if !strings.Contains(e.screen, text) {
			e.t.Errorf("no %q in\n%s", text, e.screen)
		}
	}
	e.unchanged(0, command, "nothing to change")

	server := "pgrep -x -f 'tcpserver .* 366 .*'"
	before := e.must(server)
	e.want(0, "vodmr-front -a mail.example.net example.org", "leave unknown recipients to the customers")
	if after := e.must(server); after == before {
		e.t.Errorf("the front did not start again: tcpserver is %s", after)
	}
	e.unchanged(0, command, "nothing to change")
}

// customer sets up the other end, and has a message relayed.
func (e *ends) customer() {
	e.t.Helper()
	command := "atrn-conf -s 127.0.0.1:2525 - </root/invitation"
	if e.name == "runit" {
		e.without(command)
	}
	e.want(0, "atrn-conf -n -s 127.0.0.1:2525 - </root/invitation", "nothing was changed")
	e.want(0, command, "link /etc/atrn/mail.example.net as "+e.folder+"/atrn-mail.example.net,")
	e.message("2525", "the first")
	e.unchanged(0, command, "nothing to change")
}

// without sets up the customer while the scanner is away. The front goes on.
func (e *ends) without(command string) {
	e.t.Helper()
	e.must("kill $(cat /root/scanner) && wait $(cat /root/scanner) || :")
	e.unchanged(0, "vodmr-front mail.example.net example.org", "nothing to change")
	e.want(0, command, "fetched 0 messages", "start /etc/atrn/mail.example.net/run")
	e.unchanged(0, command, "nothing to change")
	e.scan()
	e.want(0, strings.Replace(command, "atrn-conf", "atrn-conf -n", 1), "would end what was started without a supervisor")
}

// logs looks who writes what.
func (e *ends) logs() {
	e.t.Helper()
	for _, name := range strings.Fields(e.processes) {
		if _, code := e.run("cat /proc/[0-9]*/comm | grep -qx " + name); code != 0 {
			e.t.Errorf("there is no %s", name)
		}
	}
	eventually(e.t, "the logs", func() bool {
		_, code := e.run("grep -q ' success ' /etc/vodmr/log/main/current && grep -q 'atrn: stood ' /etc/atrn/mail.example.net/log/main/current")
		return code == 0
	})
	if got := e.must("cd /etc && stat -c %U vodmr/log/main/current atrn/*/log/main/current | xargs"); got != "vodmrlog atrnlog" {
		e.t.Errorf("the logs are of %s", got)
	}
}

// changes names another mail server: the service starts again, and the next message goes there.
func (e *ends) changes() {
	e.t.Helper()
	e.want(0, "atrn-conf -s 127.0.0.1:2526 mail.example.net", "restart "+e.folder+"/atrn-mail.example.net")
	e.must("grep -q 'After a change: " + e.restart + " /etc/atrn/mail.example.net$' /etc/atrn/mail.example.net.env")
	eventually(e.t, "atrn with another server", func() bool {
		_, code := e.run("pgrep -f '^[^ ]*atrn -f - -i -s 127.0.0.1:2526$'")
		return code == 0
	})
	e.message("2526", "the second")
	e.unchanged(0, "atrn-conf -s 127.0.0.1:2526 mail.example.net", "nothing to change")
}

// gone removes both ends. Only mail is left, and the scanner.
func (e *ends) gone() {
	e.t.Helper()
	mail := func() {
		e.must("echo 'the third' | sendmail -f root@mail.example.net someone@example.org")
		eventually(e.t, "mail that waits", func() bool { return e.must("find /var/lib/vodmr -path '*/new/*'") != "" })
	}
	if e.purge {
		e.must("dpkg --purge atrn")
		mail()
		e.must("dpkg --purge vodmr")
	} else {
		e.want(0, "atrn-conf -d mail.example.net", "remove the service and the invitation")
		mail()
		e.want(0, "vodmr-front -d example.org", "no customer is left")
	}
	e.must("kill $(cat /root/servers); wait $(cat /root/servers) || :")
	// svscan and runsvdir look every five seconds who has ended.
	if left := e.must("ps -A -o stat=,comm= | grep -v ^Z | grep -wE 'tcpserver|vodmr.*|atrn|supervise|runsv|s6-supervise|multilog|svlogd|s6-log' || :"); left != "" {
		e.t.Errorf("still there: %s", left)
	}
	if left := e.must("ls -d /etc/vodmr /etc/atrn /etc/service/* /run/service/* /var/service/* 2>/dev/null || :"); left != "" {
		e.t.Errorf("left: %s", left)
	}
	if left := e.must("grep -rl 'the third' /var/lib/vodmr | wc -l"); left != "1" {
		e.t.Errorf("%s messages wait", left)
	}
	e.must("kill -0 $(cat /root/scanner)")
}
