package mtafront

import "fmt"

// dovecot is Dovecot's LMTP server, which Postfix gives each recipient in a transaction of
// its own.
func dovecot() Kind { return dovecotWith("dovecot", "lmtp_destination_recipient_limit = 1") }

// dovecotWith is Dovecot's LMTP server, fed by a Postfix with one more setting.
func dovecotWith(id, setting string) Kind {
	k := postfixWith(id, "",
		"mydestination =",
		"alias_maps =",
		"virtual_mailbox_domains = "+Domain+", "+AliasDomain+", "+SenderDomain+", "+Host,
		"virtual_mailbox_maps = static:senders/Maildir/",
		"transport_maps = inline:{ "+Domain+"=lmtp:unix:/run/dovecot/lmtp, "+AliasDomain+"=lmtp:unix:/run/dovecot/lmtp }",
		setting)
	k.Name, k.MTA = "Dovecot's LMTP", "dovecot"
	k.packages = []string{"dovecot-lmtpd"}
	k.accounts = []string{"dovecot:4722:/nonexistent", "dovenull:4723:/nonexistent"}
	k.files = append(k.files, file{"dovecot.conf", dovecotConf})
	k.run = postfixRun + "mkdir -p /etc/dovecot\ncp @DIR@/dovecot.conf /etc/dovecot/\n/usr/sbin/dovecot\nexec /usr/sbin/postfix start-fg\n"
	return k
}

var dovecotConf = fmt.Sprintf(`log_path = @DIR@/log/dovecot
base_dir = /run/dovecot
protocols = lmtp
ssl = no
mail_location = maildir:~/Maildir
auth_username_chars =
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
}
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=%d gid=%d home=@DIR@/mail/odmr allow_all_users=yes
}
`, MailUser, MailUser)
