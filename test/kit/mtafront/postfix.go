package mtafront

import (
	"fmt"
	"strings"
)

// postfixWith is the Postfix of this machine with a configuration of its own.
func postfixWith(id, name string, settings ...string) Kind {
	return Kind{
		ID:       id,
		Name:     "Postfix, " + name,
		MTA:      "postfix",
		programs: []string{"/usr/sbin/postfix"},
		files: []file{
			{"main.cf", strings.Join(append(postfixSettings(), settings...), "\n") + "\n"},
			{"master.cf", postfixMaster},
		},
		run:   postfixRun + "exec /usr/sbin/postfix start-fg\n",
		queue: []string{"spool/maildrop", "spool/incoming", "spool/active", "spool/deferred"},
	}
}

// postfixVirtual delivers by virtual(8), with a catch-all for each domain.
func postfixVirtual() Kind {
	return postfixWith("postfix-virtual", "virtual(8)", "mydestination =", "alias_maps =", "virtual_mailbox_maps = inline:{ @"+Domain+"=odmr/Maildir/, @"+AliasDomain+"=odmr/Maildir/, "+
		"@"+SenderDomain+"=senders/Maildir/, @"+Host+"=senders/Maildir/ }",
		"virtual_mailbox_domains = "+Domain+", "+AliasDomain+", "+SenderDomain+", "+Host)
}

// postfixMaps delivers by local(8) to the account odmr, to which virtual_alias_maps
// leads all addresses of the domains.
func postfixMaps() Kind {
	return postfixWith("postfix-maps", "local(8) by virtual_alias_maps",
		"virtual_alias_domains = "+Domain+", "+AliasDomain,
		"virtual_alias_maps = inline:{ @"+Domain+"=odmr@"+localHost+", @"+AliasDomain+"=odmr@"+localHost+" }",
		postfixHomes,
		"mydestination = "+localHost,
		"alias_maps =",
		postfixSenders)
}

// postfixAliases delivers by local(8): an alias for any name leads to the account. A name
// that begins with owner- must not be one, or it becomes the sender.
func postfixAliases() Kind {
	k := postfixWith("postfix-aliases", "local(8) by aliases",
		"mydestination = "+Domain+", "+AliasDomain+", "+localHost,
		"local_recipient_maps =",
		"alias_maps = regexp:@DIR@/aliases",
		postfixHomes,
		postfixSenders)
	k.files = append(k.files, file{"aliases", "!/^owner-/ odmr\n"})
	return k
}

// postfixRelay delivers by local(8) too: nobody at the domains is known, and luser_relay
// names the account.
func postfixRelay() Kind {
	return postfixWith("postfix-luser", "local(8) by luser_relay",
		"mydestination = "+Domain+", "+AliasDomain+", "+localHost,
		"local_recipient_maps =",
		"luser_relay = odmr",
		"alias_maps =",
		postfixHomes,
		postfixSenders)
}

// postfixForward is postfixRelay, but the account's address is another domain's, so that
// local(8) forwards: each recipient's copy gets a queue file and a Received of its own.
func postfixForward() Kind {
	return postfixWith("postfix-forward", "local(8) that forwards",
		"mydestination = "+Domain+", "+AliasDomain,
		"local_recipient_maps =",
		"luser_relay = odmr@"+localHost,
		"alias_maps =",
		"virtual_mailbox_domains = "+localHost+", "+SenderDomain+", "+Host,
		"virtual_mailbox_maps = inline:{ @"+localHost+"=odmr/Maildir/, @"+SenderDomain+"=senders/Maildir/, @"+Host+"=senders/Maildir/ }")
}

const (
	localHost      = "box." + Host
	postfixHomes   = "home_mailbox = Maildir/\nmyorigin = " + localHost
	postfixSenders = "virtual_mailbox_domains = " + SenderDomain + ", " + Host + "\n" +
		"virtual_mailbox_maps = static:senders/Maildir/"
)

func postfixSettings() []string {
	return []string{
		"compatibility_level = 3.6",
		"maillog_file = @DIR@/log/postfix",
		"maillog_file_prefixes = @DIR@",
		"inet_interfaces = loopback-only",
		"inet_protocols = ipv4",
		"myhostname = " + Host,
		"alias_database =",
		"disable_dns_lookups = yes",
		"smtpd_peername_lookup = no",
		"smtputf8_enable = yes",
		"mynetworks = 127.0.0.0/8",
		"virtual_mailbox_base = @DIR@/mail",
		fmt.Sprintf("virtual_uid_maps = static:%d", MailUser),
		fmt.Sprintf("virtual_gid_maps = static:%d", MailUser),
		"message_size_limit = 50000000",
		"mailbox_size_limit = 0",
		"virtual_mailbox_limit = 0",
		// As for mail from another host.
		"local_header_rewrite_clients =",
	}
}

// postfixRun puts the configuration at its usual place, so that sendmail(1) uses it too.
const postfixRun = `set -e
cp @DIR@/main.cf @DIR@/master.cf /etc/postfix/
rm -rf /var/lib/postfix
mkdir /var/lib/postfix
chown postfix: /var/lib/postfix
mount --bind @DIR@/spool /var/spool/postfix
`

const postfixMaster = `127.0.0.1:@PORT@ inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
