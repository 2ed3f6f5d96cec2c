package mtafront

// exim delivers by appendfile, as README's recipe has it.
func exim() Kind {
	return Kind{
		ID:       "exim",
		Name:     "Exim",
		MTA:      "exim",
		packages: []string{"exim4-daemon-light"},
		accounts: []string{"Debian-exim:4720:/nonexistent"},
		files:    []file{{"exim4.conf", eximConf}},
		run:      eximRun,
		queue:    []string{"spool/input"},
	}
}

// The unpacked program has not the rights that the package gives it.
const eximRun = `set -e
mkdir -p /etc/exim4 /var/log/exim4
cp @DIR@/exim4.conf /etc/exim4/exim4.conf
chmod 4755 /usr/sbin/exim4
chown Debian-exim: @DIR@/spool
exec /usr/sbin/exim4 -bdf -q1m -oX 127.0.0.1.@PORT@
`

const eximConf = `exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = ` + Host + `
spool_directory = @DIR@/spool
log_file_path = @DIR@/log/exim-%s
pid_file_path = @DIR@/spool/pid
keep_environment =
never_users =
domainlist customer = ` + Domain + ` : ` + AliasDomain + `
domainlist ours = ` + SenderDomain + ` : ` + Host + `
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
host_lookup =
smtputf8_advertise_hosts = *
allow_utf8_domains = true
message_size_limit = 50M
tls_advertise_hosts =
begin acl
rcpt:
  accept domains = +customer : +ours
  deny message = relaying denied
begin routers
customer:
  driver = accept
  domains = +customer
  transport = queue
ours:
  driver = accept
  domains = +ours
  transport = senders
begin transports
queue:
  driver = appendfile
  maildir_format
  directory = @DIR@/mail/odmr/Maildir
  create_directory = false
  return_path_add
  envelope_to_add
  delivery_date_add
  batch_max = 1
  user = odmr
  group = odmr
senders:
  driver = appendfile
  maildir_format
  directory = @DIR@/mail/senders/Maildir
  create_directory = false
  return_path_add
  user = odmr
  group = odmr
`
