package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"vodmr/integration/need"
	"vodmr/internal/rig"
)

// endsHeader is a message whose first line of Received is all of its header, as the next
// line is none of a header: most servers then put the missing empty line between them.
var endsHeader = exception{
	why:   "the line behind the first is none of a header, so the header ends there",
	keeps: func(content string) string { return strings.Replace(content, received, received+"\n", 1) },
}

var noBody = exception{
	why:   "an empty line ends the header, though there is no body",
	keeps: func(content string) string { return content + "\n" },
}

var postfixPeer = &peer{
	name:       "Postfix",
	modes:      []mode{chunked, pipelined, lockStep},
	exceptions: map[string]exception{"no-header": endsHeader, "header-from-line": endsHeader},
	start: func(t *testing.T, domain string) *running {
		r := &running{dir: publicDir(t)}
		access := r.file(t, "access.regexp", "/^refused/ 550 5.1.1 nobody has that address\n/^deferred/ 450 4.2.1 not today\n", 0o644)
		mx := startPostfix(t, domain, "smtpd_sender_restrictions = check_recipient_access regexp:"+access,
			// Else it completes headers of what comes from its own host, as atrn does.
			"local_header_rewrite_clients =")
		r.port, r.kept = mx.port, mx.mailbox()
		r.idle = func() bool { return mx.idle() }
		return r
	},
}

var eximPeer = &peer{
	name:       "Exim",
	modes:      []mode{chunked, pipelined, lockStep},
	exceptions: map[string]exception{"no-header": endsHeader, "header-from-line": endsHeader, "header-only": noBody},
	start: func(t *testing.T, domain string) *running {
		r := newInstalled(t)
		r.port = freePort(t)
		installed.mkdir(t, filepath.Join(r.dir, "spool"), 0o750)
		installed.mkdir(t, filepath.Join(r.dir, "logs"), 0o750)
		conf := r.file(t, "exim.conf", eximConf, 0o644)
		r.onPort(t, r.asInstalled(t, "exim4-daemon-light", "/usr/sbin/exim4", "-C", conf, "-bdf", "-oX", "127.0.0.1."+r.port))
		r.idle = func() bool { return emptyTree(filepath.Join(r.dir, "spool/input")) }
		return r
	},
}

const eximConf = `exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = customer.example
spool_directory = @DIR@/spool
log_file_path = @DIR@/logs/%slog
pid_file_path = @DIR@/spool/pid
keep_environment =
domainlist local_domains = example.org
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
host_lookup =
smtputf8_advertise_hosts = *
allow_utf8_domains = true
received_headers_max = 200
smtp_accept_queue_per_connection = 0
message_size_limit = 0
tls_advertise_hosts =
begin acl
rcpt:
  deny domains = ! +local_domains
       message = relaying denied
  deny local_parts = ^refused
       message = nobody has that address
  defer local_parts = ^deferred
       message = not today
  accept
begin routers
all:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  directory = @DIR@/kept
  maildir_format
  create_directory = false
  mode = 0644
  user = Debian-exim
  group = Debian-exim
  message_prefix = "Return-Path: <$sender_address>\nDelivered-To: $local_part@$domain\n"
`

var opensmtpdPeer = &peer{
	name:      "OpenSMTPD",
	modes:     []mode{lockStep},
	completes: regexp.MustCompile(`(?m)^Date: .* \(UTC\)\nMessage-ID: <[0-9a-f]+@customer\.example>\n?`),
	exceptions: map[string]exception{
		"from-quoted": {why: "it refuses a quoted local part with a blank", may: bounces},
		`"odd rcpt"`:  {why: "it refuses a quoted local part with a blank", may: bounces},
		"no-header":   {why: "it refuses a header line without a colon", may: bounces},
		"nul": {why: "it takes a NUL for the end of a line", keeps: func(content string) string {
			return regexp.MustCompile(`(?m)\x00.*$`).ReplaceAllString(content, "")
		}},
	},
	start: func(t *testing.T, domain string) *running {
		r := newInstalled(t)
		r.port = freePort(t)
		account{0, 0}.mkdir(t, filepath.Join(r.dir, "spool"), 0o711)
		r.file(t, "smtpd.conf", smtpdConf, 0o644)
		r.onPort(t, r.asInstalled(t, "opensmtpd", "sh", r.file(t, "run", smtpdRun, 0o755)))
		r.idle = func() bool { return emptyTree(filepath.Join(r.dir, "spool/queue")) }
		return r
	},
}

const smtpdRun = `set -e
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
mount --bind @DIR@/spool /var/spool/smtpd
exec /usr/sbin/smtpd -d -f @DIR@/smtpd.conf
`

const smtpdConf = `filter refuse phase rcpt-to match rcpt-to regex "^<?refused" reject "550 5.1.1 nobody has that address"
filter defer phase rcpt-to match rcpt-to regex "^<?deferred" reject "450 4.2.1 not today"
filter both chain { refuse, defer }
listen on 127.0.0.1 port @PORT@ filter both
smtp max-message-size 100M
action keep maildir "@DIR@/kept" virtual { "@" = nobody }
match from any for domain example.org action keep
`

var sendmailPeer = &peer{
	name:       "sendmail",
	modes:      []mode{pipelined, lockStep},
	exceptions: map[string]exception{"no-header": endsHeader, "header-from-line": endsHeader, "header-only": noBody},
	start: func(t *testing.T, domain string) *running {
		r := newInstalled(t)
		r.port = freePort(t)
		r.file(t, "keep", readFile(t, "../testdata/peers/keep"), 0o755)
		installed.mkdir(t, filepath.Join(r.dir, "queue"), 0o700)
		r.file(t, "sendmail.mc", sendmailMC, 0o644)
		r.onPort(t, r.asInstalled(t, "sendmail-bin", "sh", r.file(t, "run", sendmailRun, 0o755)))
		r.idle = func() bool { return emptyTree(filepath.Join(r.dir, "queue")) }
		return r
	},
}

const sendmailRun = `set -e
m4 -D_CF_DIR_=/usr/share/sendmail/cf/ /usr/share/sendmail/cf/m4/cf.m4 @DIR@/sendmail.mc >@DIR@/sendmail.cf
exec /usr/libexec/sendmail/sendmail -C @DIR@/sendmail.cf -bD -X @DIR@/traffic
`

const sendmailMC = "OSTYPE(`linux')dnl\n" +
	"define(`confDOMAIN_NAME', `customer.example')dnl\n" +
	"define(`confRUN_AS_USER', `4720:4720')dnl\n" +
	"define(`confDEF_USER_ID', `4720:4720')dnl\n" +
	"define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe,NonRootSafeAddr')dnl\n" +
	"define(`QUEUE_DIR', `@DIR@/queue')dnl\n" +
	"define(`confPID_FILE', `@DIR@/pid')dnl\n" +
	"define(`ALIAS_FILE', `')dnl\n" +
	"define(`STATUS_FILE', `')dnl\n" +
	"define(`HELP_FILE', `')dnl\n" +
	"define(`confDONT_PROBE_INTERFACES', `true')dnl\n" +
	"define(`confEIGHT_BIT_HANDLING', `pass8')dnl\n" +
	"define(`confBAD_RCPT_THROTTLE', `0')dnl\n" +
	"define(`confTO_IDENT', `0')dnl\n" +
	"define(`confMAX_HOP', `200')dnl\n" +
	// It neither refuses nor only queues when this machine is busy.
	"define(`confREFUSE_LA', `1000')dnl\n" +
	"define(`confQUEUE_LA', `1000')dnl\n" +
	"undefine(`confCT_FILE')dnl\n" +
	"FEATURE(`nocanonify')dnl\n" +
	"FEATURE(`accept_unresolvable_domains')dnl\n" +
	"FEATURE(`accept_unqualified_senders')dnl\n" +
	"FEATURE(`no_default_msa')dnl\n" +
	"DAEMON_OPTIONS(`Port=@PORT@, Addr=127.0.0.1, Name=MTA')dnl\n" +
	"MAILER(`smtp')dnl\n" + `LOCAL_CONFIG
Cwexample.org
Krefused regex ^<?refused
Kdeferred regex ^<?deferred
LOCAL_RULE_0
R$+ < @ $=w . >	$#keep $@ example.org $: $1
LOCAL_RULESETS
SLocal_check_rcpt
R$*	$: $1 $| $(refused $1 $: no $) $| $(deferred $1 $: no $)
R$* $| no $| no	$@ ok
R$* $| no $| $*	$#error $@ 4.2.1 $: "450 not today"
R$* $| $* $| no	$#error $@ 5.1.1 $: "550 nobody has that address"
MAILER_DEFINITIONS
Mkeep, P=@DIR@/keep, F=lnu8S, S=0, R=0, L=0, E=\n, T=X-Unix, U=4720:4720,
	A=keep @DIR@/kept $f $u@example.org
`

var qpsmtpdPeer = &peer{
	name:  "qpsmtpd",
	modes: []mode{pipelined, lockStep},
	adds:  []string{"Authentication-Results"},
	exceptions: map[string]exception{
		"from-quoted": {why: "it refuses a quoted local part with a blank", may: bounces},
		`"odd rcpt"`:  {why: "it refuses a quoted local part with a blank", may: bounces},
		"no-header": {why: "it drops lines of a header without a colon", keeps: func(string) string {
			return received
		}},
		"header-from-line": {why: "it turns a From line into a header line", keeps: func(content string) string {
			return strings.Replace(content, "\nFrom ", "\nMail-From: ", 1)
		}},
	},
	start: func(t *testing.T, domain string) *running {
		need.Root(t, "qpsmtpd changes its user")
		r := newRunning(t)
		r.port = freePort(t)
		tree := unpacked(t, "qpsmtpd")
		nobody := lookUpUser(t, "nobody")
		nobody.mkdir(t, filepath.Join(r.dir, "spool"), 0o700)
		r.file(t, "plugins/keep", readFile(t, "../testdata/peers/qpsmtpd_keep"), 0o644)
		for name, line := range map[string]string{
			"plugins": "keep @DIR@/kept", "plugin_dirs": "@DIR@/plugins", "spool_dir": "@DIR@/spool",
			"me": "customer.example", "loglevel": "6",
		} {
			r.file(t, "config/"+name, line+"\n", 0o644)
		}
		args := []string{"-Tw", "-I" + tree + "/usr/share/perl5"}
		compiled, _ := filepath.Glob(tree + "/usr/lib/*/perl5/*")
		for _, dir := range compiled {
			args = append(args, "-I"+dir)
		}
		args = append(args, tree+"/usr/bin/qpsmtpd-forkserver", "-l", "127.0.0.1", "-p", r.port, "-u", "nobody", "-H")
		cmd := exec.Command(need.Program(t, "perl"), args...)
		cmd.Env = append(os.Environ(), "QPSMTPD_CONFIG="+r.dir+"/config")
		cmd.Dir = r.dir
		r.onPort(t, cmd)
		return r
	},
}

var chasquidPeer = &peer{
	name:      "chasquid",
	patience:  10 * time.Second,
	modes:     []mode{pipelined, lockStep},
	adds:      []string{"Received-SPF"},
	anySender: true, // it runs a program for an alias without telling it
	// It gives 421 in place of its third refusal in a connection.
	refusing: waits,
	exceptions: map[string]exception{
		"from-quoted":  {why: "it refuses a quoted local part with a blank", may: bounces},
		`"odd rcpt"`:   {why: "it refuses a quoted local part with a blank", may: bounces},
		"no-content":   {why: "it refuses content without a header", may: bounces},
		"no-header":    {why: "it refuses a header line without a colon", may: bounces},
		"header-only":  {why: "it refuses a header without an end", may: bounces},
		"mixed-wanted": {why: "it defers the content for all recipients of a transaction", may: arrives | waits},
	},
	start: func(t *testing.T, domain string) *running {
		r := newRunning(t)
		r.port = freePort(t)
		tree := unpacked(t, "chasquid")
		r.file(t, "keep", readFile(t, "../testdata/peers/keep"), 0o755)
		made, err := rig.Certify("customer.example")
		if err != nil {
			t.Fatal(err)
		}
		certs := "conf/certs/customer.example/"
		r.file(t, certs+"privkey.pem", string(made.Secret), 0o600)
		r.file(t, certs+"fullchain.pem", string(made.Public), 0o644)
		r.file(t, "conf/domains/"+domain+"/aliases", "", 0o644)
		r.file(t, "conf/chasquid.conf", chasquidConf, 0o644)
		r.file(t, "conf/hooks/alias-resolve", chasquidAlias, 0o755)
		r.file(t, "conf/hooks/post-data", chasquidData, 0o755)
		r.onPort(t, exec.Command(tree+"/usr/bin/chasquid", "-config_dir="+r.dir+"/conf"))
		r.idle = func() bool { return emptyTree(filepath.Join(r.dir, "data/queue")) }
		return r
	},
}

const chasquidConf = `hostname: "customer.example"
smtp_address: "127.0.0.1:@PORT@"
data_dir: "@DIR@/data"
mail_log_path: "<stderr>"
suffix_separators: ""
drop_characters: ""
max_data_size_mb: 100
`

const chasquidAlias = `#!/bin/sh
case $1 in
refused* | \**) ;;
*) echo "| @DIR@/keep @DIR@/kept ? $1" ;;
esac
`

// chasquid never defers at RCPT.
const chasquidData = `#!/bin/sh
case " $RCPT_TO" in
*" deferred"*) echo not today && exit 1 ;;
esac
`

var longLine = exception{
	why: "it hangs up at such a line of DATA, with or without a reply that is read; by BDAT it takes it",
	may: arrives | bounces | waits,
}

var goSMTPPeer = &peer{
	name:       "go-smtp",
	modes:      []mode{chunked, pipelined, lockStep},
	exceptions: map[string]exception{"line-2001": longLine, "line-20000": longLine},
	start:      func(t *testing.T, domain string) *running { return startGoSMTP(t, newGoSMTP) },
}

// oldGoSMTPPeer answers a BDAT after a refused RCPT without reading its octets, which
// are commands then.
var oldGoSMTPPeer = &peer{
	name:       "go-smtp 0.24",
	modes:      []mode{chunked, pipelined, lockStep},
	exceptions: map[string]exception{"line-2001": longLine, "line-20000": longLine},
	start:      func(t *testing.T, domain string) *running { return startGoSMTP(t, oldGoSMTP) },
}

// newGoSMTP and oldGoSMTP build the server once and give its path.
var (
	newGoSMTP = sync.OnceValues(func() (string, error) { return buildGoSMTP("go.mod") })
	oldGoSMTP = sync.OnceValues(func() (string, error) { return buildGoSMTP("old.mod") })
)

func buildGoSMTP(modfile string) (string, error) {
	command := filepath.Join(built().path, "gosmtp-"+modfile)
	build := exec.Command("go", "build", "-modfile="+modfile, "-o", command, ".")
	build.Dir = "../testdata/peers/gosmtp"
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build -modfile=%s: %w: %s", modfile, err, out)
	}
	return command, nil
}

func startGoSMTP(t *testing.T, server func() (string, error)) *running {
	t.Helper()
	r := newRunning(t)
	command, err := server()
	if err != nil {
		need.Skip(t, "go-smtp cannot be had: %v", err)
	}
	r.saysPort(t, exec.Command(command, r.kept))
	return r
}

var aiosmtpdPeer = &peer{
	name:  "aiosmtpd",
	modes: []mode{lockStep},
	exceptions: map[string]exception{
		"line-2001":  {why: "it refuses lines of over 1000 bytes", may: bounces},
		"line-20000": {why: "it refuses lines of over 1000 bytes", may: bounces},
	},
	start: func(t *testing.T, domain string) *running {
		r := newRunning(t)
		cmd := exec.Command(need.Program(t, "python3"), "../testdata/peers/aiosmtpd_server.py", r.kept)
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1",
			"PYTHONPATH="+unpacked(t, "python3-aiosmtpd")+"/usr/lib/python3/dist-packages")
		r.saysPort(t, cmd)
		return r
	},
}
