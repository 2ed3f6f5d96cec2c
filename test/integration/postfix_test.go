package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// postfixListener is INSTALL's recipe: a listener of its own for what comes by
// ATRN, which relays for nobody. The connection comes from this very host, so
// the usual permit_mynetworks would let the provider send to the whole world.
var postfixListener = []string{
	"-o syslog_name=postfix/atrn",
	"-o mynetworks=",
	"-o smtpd_client_restrictions=",
	"-o smtpd_relay_restrictions=reject_unauth_destination",
	"-o smtpd_recipient_restrictions=",
	"-o smtpd_junk_command_limit=100000", "-o smtpd_sasl_auth_enable=no", "-o smtpd_tls_security_level=none",
	"-o smtpd_authorized_xclient_hosts=", "-o smtpd_authorized_xforward_hosts=",
}

// A postfix is a running instance of its own, in a temporary folder, that puts
// all mail for its domain into one Maildir.
type postfix struct {
	dir      string
	port     string // the ATRN listener's, on 127.0.0.1 and ::1
	openPort string // that of a listener with Postfix's usual rules
	owner    account
	services []string // further lines of master.cf
}

// startPostfix starts an instance that takes mail for a domain. The settings are
// lines of main.cf.
func startPostfix(t testing.TB, domain string, settings ...string) *postfix {
	t.Helper()
	require.Root(t, "Postfix must start as root")
	return (&postfix{dir: publicDir(t)}).run(t, domain, settings...)
}

// run starts an instance whose services are set already.
func (p *postfix) run(t testing.TB, domain string, settings ...string) *postfix {
	t.Helper()
	command := require.Program(t, "postfix")
	p.configure(t, domain, settings)
	t.Cleanup(func() {
		if t.Failed() {
			showLog(t, p.log())
		}
	})
	p.start(t, command)
	return p
}

// start starts Postfix on free ports; another program may take a port between
// its choice and its use, and then others are chosen.
func (p *postfix) start(t testing.TB, command string) {
	t.Helper()
	const tries = 5
	var out []byte
	for range tries {
		p.port, p.openPort = freePort(t), freePort(t)
		p.writeMaster(t)
		var err error
		if out, err = exec.Command(command, "-c", p.config(), "start").CombinedOutput(); err != nil {
			continue
		}
		t.Cleanup(func() { p.stop(t, command) })
		return
	}
	t.Fatalf("Postfix does not start: %s", out)
}

func (p *postfix) stop(t testing.TB, command string) {
	if out, err := exec.Command(command, "-c", p.config(), "stop").CombinedOutput(); err != nil {
		t.Errorf("Postfix does not stop: %v: %s", err, out)
	}
}

func (p *postfix) config() string  { return filepath.Join(p.dir, "etc") }
func (p *postfix) mailbox() string { return filepath.Join(p.dir, "mail", "inbox") }
func (p *postfix) log() string     { return filepath.Join(p.dir, "postfix.log") }
func (p *postfix) queue() string   { return filepath.Join(p.dir, "queue") }

// freePort finds a TCP port that is free on both loopback addresses.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		four, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(four.Addr().String())
		six, err := net.Listen("tcp", "[::1]:"+port)
		four.Close()
		if err == nil {
			six.Close()
			return port
		}
		if !hasIPv6() {
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

// hasIPv6 reports if ::1 is there.
func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

// configure makes the folders and main.cf.
func (p *postfix) configure(t testing.TB, domain string, more []string) {
	t.Helper()
	root := account{0, 0}
	mail := lookUpUser(t, "postfix")
	p.owner = mail
	root.mkdir(t, p.config(), 0o755)
	root.mkdir(t, p.queue(), 0o755)
	root.mkdir(t, filepath.Join(p.dir, "mail"), 0o777)
	mail.mkdir(t, filepath.Join(p.dir, "data"), 0o700)
	settings := append([]string{
		"compatibility_level = 3.6",
		"queue_directory = " + p.queue(),
		"data_directory = " + p.dir + "/data",
		"maillog_file = " + p.log(),
		"maillog_file_prefixes = " + p.dir,
		"inet_interfaces = loopback-only",
		"inet_protocols = all",
		"myhostname = customer." + domain,
		"mydestination =",
		"alias_maps =",
		"alias_database =",
		"disable_dns_lookups = yes",
		"smtpd_peername_lookup = no",
		"mynetworks = 127.0.0.0/8 [::1]/128",
		"virtual_mailbox_domains = " + domain,
		"virtual_mailbox_base = " + p.dir + "/mail",
		"virtual_mailbox_maps = static:inbox/",
		fmt.Sprintf("virtual_uid_maps = static:%d", mailUser().uid),
		fmt.Sprintf("virtual_gid_maps = static:%d", mailUser().gid),
		"message_size_limit = 0",
		"mailbox_size_limit = 0",
		"virtual_mailbox_limit = 0",
	}, more...)
	root.write(t, p.config()+"/main.cf", strings.Join(lastOfEach(settings), "\n")+"\n", 0o644)
}

// lastOfEach leaves out a setting that a later one replaces. Every daemon warns of a setting
// that is there twice, even postlogd, which then waits for ever if ten others did before it:
// it writes to the socket that only it reads.
func lastOfEach(settings []string) (kept []string) {
	for i, setting := range settings {
		name, _, _ := strings.Cut(setting, " =")
		replaced := slices.ContainsFunc(settings[i+1:], func(later string) bool { return strings.HasPrefix(later, name+" =") })
		if !replaced {
			kept = append(kept, setting)
		}
	}
	return kept
}

// writeMaster writes master.cf: the listeners, and the daemons behind them.
func (p *postfix) writeMaster(t testing.TB) {
	t.Helper()
	lines := []string{
		"127.0.0.1:" + p.openPort + " inet n - n - - smtpd",
		"127.0.0.1:" + p.port + " inet n - n - - smtpd",
	}
	lines = append(lines, indented(postfixListener)...)
	if hasIPv6() {
		lines = append(lines, "[::1]:"+p.port+" inet n - n - - smtpd")
		lines = append(lines, indented(postfixListener)...)
	}
	lines = append(append(lines, postfixDaemons()...), p.services...)
	account{0, 0}.write(t, p.config()+"/master.cf", strings.Join(lines, "\n")+"\n", 0o644)
}

// postfixDaemons are master.cf's lines for what is behind a listener.
func postfixDaemons() []string {
	return []string{
		"pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
		"qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
		"bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
		"trace unix - - n - 0 bounce", "verify unix - - n - 1 verify",
		"flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap",
		"proxywrite unix - - n - 1 proxymap", "smtp unix - - n - - smtp",
		"relay unix - - n - - smtp", "showq unix n - n - - showq",
		"error unix - - n - - error", "retry unix - - n - - error",
		"discard unix - - n - - discard", "local unix - n n - - local",
		"virtual unix - n n - - virtual", "anvil unix - - n - 1 anvil",
		"scache unix - - n - 1 scache", "postlog unix-dgram n - n - 1 postlogd",
	}
}

func indented(lines []string) []string {
	var out []string
	for _, line := range lines {
		out = append(out, "  "+line)
	}
	return out
}

func lookUpUser(t testing.TB, name string) account {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return account{uid, gid}
}

// settle waits until Postfix has delivered all that it took.
func (p *postfix) settle(t testing.TB) {
	t.Helper()
	eventually(t, time.Minute, "Postfix delivers what it took", p.idle)
}

// idle says that Postfix has delivered all that it took.
func (p *postfix) idle() bool {
	for _, stage := range []string{"maildrop", "incoming", "active", "deferred"} {
		if !emptyTree(filepath.Join(p.queue(), stage)) {
			return false
		}
	}
	return true
}

// emptyTree says that there is no file below a folder.
func emptyTree(dir string) bool {
	empty := true
	filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			empty = false
		}
		return nil
	})
	return empty
}
