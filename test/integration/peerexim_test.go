package integration

import (
	"path/filepath"
	"testing"
)

var eximPeer = &peer{
	name:       "Exim",
	modes:      []mode{chunked, pipelined, lockStep},
	exceptions: map[string]exception{"no-header": endsHeader, "header-from-line": endsHeader, "header-only": noBody},
	start:      func(t *testing.T, domain string) *running { return startEximPeer(t, eximConf) },
}

func startEximPeer(t testing.TB, configuration string) *running {
	t.Helper()
	r := newInstalled(t)
	r.port = freePort(t)
	installed.mkdir(t, filepath.Join(r.dir, "spool"), 0o750)
	installed.mkdir(t, filepath.Join(r.dir, "logs"), 0o750)
	conf := r.file(t, "exim.conf", configuration, 0o644)
	r.onPort(t, r.asInstalled(t, "exim4-daemon-light", "/usr/sbin/exim4", "-C", conf, "-bdf", "-oX", "127.0.0.1."+r.port))
	r.idle = func() bool { return emptyTree(filepath.Join(r.dir, "spool/input")) }
	return r
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
  deny local_parts = ^refused : ^vodmr-
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
