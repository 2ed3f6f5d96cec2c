package mtafront

// openSMTPD delivers by its maildir action, with a catch-all.
func openSMTPD() Kind {
	return Kind{
		ID:       "opensmtpd",
		Name:     "OpenSMTPD",
		MTA:      "opensmtpd",
		packages: []string{"opensmtpd"},
		accounts: []string{"opensmtpd:4720:/nonexistent", "opensmtpq:4721:/nonexistent"},
		files:    []file{{"smtpd.conf", smtpdConf}},
		run:      smtpdRun,
		queue:    []string{"spool/offline", "spool/incoming", "spool/queue"},
	}
}

// The unpacked program has not the rights that the package gives it.
const smtpdRun = `set -e
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
mount --bind @DIR@/spool /var/spool/smtpd
chgrp opensmtpq /usr/sbin/smtpctl
chmod 2755 /usr/sbin/smtpctl
cp @DIR@/smtpd.conf /etc/smtpd.conf
exec /usr/sbin/smtpd -d
`

const smtpdConf = `listen on 127.0.0.1 port @PORT@
smtp max-message-size 50M
action "customer" maildir "@DIR@/mail/odmr/Maildir" virtual { "@" = odmr }
action "our" maildir "@DIR@/mail/senders/Maildir" virtual { "@" = odmr }
match from any for domain { "` + Domain + `", "` + AliasDomain + `" } action "customer"
match from any for domain { "` + SenderDomain + `", "` + Host + `" } action "our"
`
