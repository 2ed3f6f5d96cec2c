#!/bin/sh
# Vodmr-front sets up a whole front on Debian: the domains at the mail server, a login,
# a certificate and the service. It prints the invitation for the customer's atrn-conf.
# See vodmr-front(8).
#
# The mail server is Postfix, or qmail with vpopmail. A step that differs has a function
# for each: postfix_NAME and qmail_NAME, called as "$kind"_NAME. One of them alone is for a
# step that only one of the two needs.
program=vodmr-front
sibling=vodmr-conf
. "${0%/*}/../../dist/setup/common.sh"
. "${0%/*}/../../dist/setup/supervisors.sh"

usage="usage: vodmr-front [OPTION...] HOST DOMAIN...
       vodmr-front -l
       vodmr-front [-n] -r LOGIN
       vodmr-front [-n] -k KEY[,KEY] LOGIN
       vodmr-front [-n] -d DOMAIN..."

# The table of the options, for people, for shells' completion and for the manual page's
# test. A new option also needs its letter in main.
options="options:
  -a             take any recipient: the customer's server is not asked
  -n             say what would be done, and do nothing
  -p PORT        the port of a new front (default: 366)
  -u LOGIN       the login of a new customer (default: odmr at the first DOMAIN)
  -x             make no secret: the customer logs in by a key
  -k KEY[,KEY]   the hashes of the customer's keys, as atrn -K prints them
  -l             list the customers
  -r             give a LOGIN a new secret and print its invitation
  -d             remove each DOMAIN, and a customer with its last one
  -h, --help     print this text
  -V, --version  print the version
see vodmr-front(8)"

exitMisuse=100
exitLater=111

etc=/etc/vodmr
mail=/var/lib/vodmr
vpasswd=$etc/vpasswd
certificate=$etc/tls/cert.pem
maps=$etc/postfix
door=$mail/door
hook=/etc/letsencrypt/renewal-hooks/deploy/vodmr
unit=/etc/systemd/system/vodmr.service
qmail=/var/qmail
records=$etc/vpopmail
dropins="/etc/systemd/system/vodmr.service.d /etc/systemd/system/vodmr-expire.service.d"

service=$etc
systemd_name=vodmr
plain_log=/var/log/vodmr.log
pidfile=/run/vodmr.pid
after_kill=', and this again'

any_recipient=no
port=
login=
secret=
by_key=no
keys=
opens=
new_domains=no

# --- What there is ---------------------------------------------------------------------

# is_name tells if a word is a domain name as the DNS has it.
is_name() {
	case $1 in
	*[!a-z0-9.-]* | .* | *. | -* | *- | *..* | *.-* | *-.*) return 1 ;;
	*.*) [ ${#1} -le 253 ] ;;
	*) return 1 ;;
	esac
}

check_name() {
	is_name "$1" || misuse "\"$1\" is not a full domain name: letters, digits, hyphens and dots, as in example.org; write an international one as xn--..."
}

check_login() {
	case $1 in
	*[!a-z0-9@._+-]* | '' | [!a-z0-9]*) misuse "\"$1\" is no login: use letters, digits and the characters @ . _ + -" ;;
	esac
}

# check_keys takes the hashes that atrn -K prints, with commas between them.
check_keys() {
	for key in $(printf '%s' "$1" | tr , ' '); do
		case ${#key}$key in
		*[!A-Za-z0-9:_-]*) ;;
		50sha256:* | 71sha256:*) continue ;;
		esac
		misuse "\"$key\" is not the hash of a key: the customer's \`atrn -K' prints it, sha256: and 43 characters"
	done
	case ,$1, in
	*,,*) misuse "-k takes hashes with one comma between them" ;;
	esac
}

# find_kind sets which mail server this front has. A front that is there keeps its own.
find_kind() {
	vpop=$(getent passwd vpopmail | cut -d: -f6)
	: "${vpop:=/home/vpopmail}"
	kind=postfix
	if [ -f $etc/run ]; then
		! grep -q /vchkpw $etc/run || kind=qmail
	elif [ -x $qmail/bin/qmail-send ] && ! { command -v postfix && postfix status; } >/dev/null 2>&1; then
		kind=qmail
	fi
	"$kind"_names
}

postfix_names() {
	server=Postfix
	copies="It holds the only copy of the secret"
	hashed=", and keep its hash"
	mta=postfix
	server_log="journalctl -u 'postfix*', or /var/log/mail.log"
	checkpassword='vodmr-checkpw vpasswd'
	map_type=$(postconf -h default_database_type 2>/dev/null)
}

qmail_names() {
	server=qmail
	copies="It holds the secret, which vpopmail may have too"
	hashed=
	mta= # the default
	server_log="that of qmail-send, often /var/log/qmail/current"
	checkpassword=$vpop/bin/vchkpw
}

# need says at once all that must be installed first: pairs of a program and its package.
need() {
	missing=
	for pair in openssl:openssl tcpserver:ucspi-tcp tcprules:ucspi-tcp useradd:passwd "$@"; do
		command -v "${pair%%:*}" >/dev/null && continue
		case " $missing " in *" ${pair#*:} "*) ;; *) missing="$missing ${pair#*:}" ;; esac
	done
	[ -z "$missing" ] || fail "install first what is missing here: apt-get install$missing"
	for name in vodmr vodmr-tls vodmr-checkpw vodmr-relay vodmr-rcpt vodmr-conf; do
		command -v $name >/dev/null || fail "the program $name is not in PATH: install vodmr whole"
	done
}

postfix_need() {
	need postconf:postfix postmap:postfix
	[ -n "$(postconf -h mail_version 2>/dev/null)" ] || fail "Postfix has no settings yet: run dpkg-reconfigure postfix, and choose \"Internet Site\""
}

# field prints the n-th field of a login's line among the passwords.
field() {
	key=$(key "$1")
	"$kind"_passwords "$1" | while IFS= read -r line; do
		case $line in
		"$key":*) printf '%s\n' "$line" | cut -d: -f"$2" && break ;;
		esac
	done
}

# key is the first field of a login's line. vpopmail has a file for each domain.
key() { if [ $kind = qmail ]; then printf '%s' "${1%@*}"; else printf '%s' "$1"; fi; }

postfix_passwords() { [ ! -f $vpasswd ] || cat $vpasswd; }

# customers lists the logins of this program: a login and its domains a line.
customers() {
	[ -f $etc/rules ] || return 0
	sed -n 's/^\([^#:@][^:]*\):allow,.*VODMR_DOMAINS="\([^"]*\)".*/\1 \2/p' $etc/rules | while read -r name held; do
		[ "$(field "$name" 5)" != vodmr-front ] || printf '%s %s\n' "$name" "$held"
	done
}

# owner prints the login that holds a domain.
owner() {
	customers | while read -r name held; do
		case ,$held, in *",$1,"*) printf '%s\n' "$name" ;; esac
	done
}

domains_of() {
	customers | while read -r name held; do
		[ "$name" != "$1" ] || printf '%s\n' "$held"
	done
}

# the_host prints the name of a front that is set up already: the last word behind vodmr.
the_host() { sed -n 's/^ *\([^ ]*\/\)\{0,1\}vodmr \(.* \)\{0,1\}\([^ ]*\) \\$/\3/p' $etc/run 2>/dev/null; }

# the_port prints the port in the run script: the word after tcpserver's address.
the_port() { sed -n 's/^ *tcpserver .* 0 \([0-9][0-9]*\) .*/\1/p' $etc/run 2>/dev/null; }

# self_signed tells if the customer's system trusts nobody who vouches for the certificate.
self_signed() {
	[ "$(openssl x509 -in $certificate -noout -subject_hash)" = "$(openssl x509 -in $certificate -noout -issuer_hash)" ]
}

# pin prints the pin if the key lasts. certbot makes another key each time, unless it was
# told to reuse it, and then a pin would end with the certificate.
pin() {
	if self_signed || grep -q '^ *reuse_key *= *True' "/etc/letsencrypt/renewal/$(the_host).conf" 2>/dev/null; then
		openssl x509 -in $certificate -noout -pubkey | openssl pkey -pubin -outform DER |
			openssl dgst -sha256 -binary | openssl base64 -A | tr '+/' '-_' | tr -d '='
	fi
}

# invitation prints that of a login, with a password if the second argument is not empty.
invitation() {
	line="atrn://$(printf '%s' "$1" | sed 's/@/%40/g; s/+/%2B/g')${2:+:$2}@$(the_host):$(the_port)/"
	mark='?'
	set -f
	for domain in $(domains_of "$1" | tr , ' '); do
		line="$line${mark}domain=$domain"
		mark='&'
	done
	set +f
	key=$(pin)
	line="$line${key:+${mark}pin=sha256:$key}"
	[ -z "$key" ] || mark='&'
	if [ -z "$2" ] && external "$1"; then
		line="$line${mark}external"
	fi
	printf '%s\n' "$line"
}

# external tells if a login is to be by a key of the customer's, or is so already.
external() { [ $by_key = yes ] || [ "$(field "$1" 2)" = external ]; }

# --- Accounts, service directory, certificate ------------------------------------------

account() {
	getent passwd "$1" >/dev/null || change "make the account $1, which $3" make_account "$1" "$2"
}

accounts() {
	account vodmr /nonexistent "talks to the network and owns nothing"
	account vodmrtls /nonexistent "does TLS and owns nothing"
	[ $kind = qmail ] || account vodmrmail $mail "owns the mail that waits"
	logger=root
	if ! has_systemd; then
		logger=vodmrlog
		account vodmrlog /nonexistent "writes the log"
	fi
}

# make_service has vodmr-conf make what is not there. It wants a folder that is new.
make_service() {
	made=$etc
	if [ -e $etc ]; then
		made=$etc.new
		rm -rf $etc.new
	fi
	vodmr-conf -s ${mta:+-m "$mta"} ${port:+-p "$port"} -u vodmrtls -c $certificate \
		"$("$kind"_account)" "$logger" "$made" "$host" "$checkpassword" >/dev/null || return 1
	[ $made != $etc ] || return 0
	for part in "$made"/*; do
		[ -e "$etc/${part##*/}" ] || mv "$part" $etc/ || return 1
	done
	rm -rf "$made"
	chmod 3755 $etc
}

postfix_account() { echo vodmrmail; }

service_directory() {
	if [ -f $etc/run ]; then
		grep -qF "$checkpassword" $etc/run ||
			fail "$etc/run is there, and it is not one of vodmr-front: add this customer by hand, as INSTALL says"
		[ -z "$port" ] || [ "$port" = "$(the_port)" ] ||
			fail "this front listens at port $(the_port): to change it, change the last number before vodmr-tls in $etc/run, and run  $(how_to_restart)"
	else
		change "make the service directory $etc" make_service
	fi
	[ ! -f $etc/run ] || ! grep -q ' -u vodmr -U [^ ]* \\$' $etc/run ||
		change "give TLS an account of its own in $etc/run, and the account of the mailboxes to vodmr" edit_run separated
	ask_for_keys
	[ $kind = qmail ] || [ -f $etc/control/me ] || change "write the name $host into $etc/control/me" write_me
}

# ask_for_keys has a front that was set up before ask customers for a certificate.
ask_for_keys() {
	if [ "$by_key$keys" = no ] || [ ! -f $etc/run ] || grep -q '^ *[^# ]*vodmr-tls .*-a ' $etc/run; then return 0; fi
	change "have vodmr-tls ask customers for a certificate (-a any), in $etc/run" \
		edit_run sed '/^ *[^# ]*vodmr-tls -/s/vodmr-tls -/vodmr-tls -a any -/' $etc/run
}

edit_run() { edit_file $etc/run "$@" && restart_service; }

# separated prints a run script of earlier versions mended: in it two processes that strangers
# speak to had one account, and one of them the mailboxes' account.
separated() {
	owner=$(sed -n 's/^.*vodmr-tls .* -U \([^ ]*\) \\$/\1/p' $etc/run)
	sed -e 's/ -u vodmr -U [^ ]* \\$/ -u vodmrtls \\/' \
		-e "s/^\( *[^ ]*vodmr\) \([^ -][^ ]* \\\\\)\$/\1 -U $owner \2/" $etc/run
}

write_me() { mkdir -p $etc/control && printf '%s\n' "$host" >$etc/control/me; }

# new_certificate lasts 20 years: the pin, not the date, is what customers go by.
new_certificate() (
	umask 077
	mkdir -p $etc/tls && chmod 700 $etc/tls && cd $etc/tls || exit 1
	trap 'rm -f key.new chain.new' EXIT
	subject=$host
	[ ${#subject} -le 64 ] || subject=vodmr # a common name has 64 characters
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days 7300 \
		-subj "/CN=$subject" -addext "subjectAltName=DNS:$host" -keyout key.new -out chain.new 2>messages ||
		{ cat messages >&2 && exit 1; }
	rm -f messages
	cat key.new chain.new >cert.new && mv cert.new cert.pem
)

# certbots_certificate puts key and chain into one file, as vodmr-tls wants them, and has
# certbot do so after each renewal. vodmr-tls reads it for each connection.
certbots_certificate() {
	mkdir -p ${hook%/*} && cat >$hook <<-END || return 1
		#!/bin/sh
		$marker
		# After a renewal by certbot, this puts key and chain where vodmr-tls reads them.
		umask 077
		mkdir -p $etc/tls && chmod 700 $etc/tls &&
		  cat "$live/privkey.pem" "$live/fullchain.pem" >$etc/tls/cert.new &&
		  mv $etc/tls/cert.new $certificate
	END
	chmod 755 $hook && $hook
}

make_certificate() {
	live=/etc/letsencrypt/live/$host
	if [ -f "$live/fullchain.pem" ] && [ -f "$live/privkey.pem" ]; then
		if [ ! -x $hook ] || ! cat "$live/privkey.pem" "$live/fullchain.pem" | cmp -s - $certificate; then
			change "take certbot's certificate of $host, now and after each renewal" certbots_certificate
		fi
		return
	fi
	if [ ! -f $certificate ]; then
		change "make a self-signed certificate for $host; customers know it by its pin" new_certificate
	elif ! openssl x509 -in $certificate -noout -checkend 0 >/dev/null; then
		fail "the certificate $certificate has expired: renew it, or remove the file and run this again, and send each customer a new invitation (-r)"
	fi
}

# --- The customer: mailbox, login, rule ------------------------------------------------

make_mailbox() {
	mkdir -p $mail && chmod 755 $mail || return 1
	for folder in "$1" "$1/Maildir" "$1/Maildir/new" "$1/Maildir/cur" "$1/Maildir/tmp"; do
		[ -d "$folder" ] || { mkdir -m 700 "$folder" && chown vodmrmail:vodmrmail "$folder"; } || return 1
	done
}

# edit_file writes what the command prints in place of a file, with its owner and mode.
edit_file() {
	edited=$1
	shift
	(umask 077 && "$@" >"$edited.new") &&
		chown --reference="$edited" "$edited.new" && chmod --reference="$edited" "$edited.new" && mv "$edited.new" "$edited"
}

# postfix_logins prints vpasswd without a login's line, and behind it a new one if there is
# a home for it; opens has the hashes of its keys, if it has any. The secret and its hash stay within the shell.
postfix_logins() {
	while IFS= read -r line; do
		case $line in "$1":*) ;; *) printf '%s\n' "$line" ;; esac
	done <$vpasswd
	[ -z "$2" ] || printf '%s:%s:%s:%s:vodmr-front:%s:-:%s\n' "$1" "$hash" "$(id -u vodmrmail)" "$(id -g vodmrmail)" "$2" "$opens"
}

# Standing sessions end with any change of vpasswd, unless the times beside it tell whose line
# changed.
postfix_write() {
	edit_file $vpasswd postfix_logins "$1" "$2" && { vodmr-checkpw -m $vpasswd || true; }
}

# close_login makes or leaves a login that nobody can use yet.
close_login() {
	secret=
	hash='*'
	opens=
	"$kind"_write "$1" "$2"
}

# set_keys makes a login that works by these keys alone, or by none yet.
set_keys() {
	secret=
	hash=external
	opens=$keys
	postfix_write "$1" "$2"
}

# new_secret makes one of 192 bits and keeps its hash alone; vpopmail has a clear copy too if
# it was built for that.
new_secret() {
	secret=$(openssl rand -base64 24 | tr '+/' '-_')
	opens=
	hash=$(printf '%s\n' "$secret" | openssl passwd -6 -stdin)
	case $hash in "\$6\$"*) ;; *) return 1 ;; esac
	[ ${#secret} -eq 32 ] && "$kind"_write "$1" "$2"
}

# quoted makes a text a regular expression that means itself.
quoted() { printf '%s' "$1" | sed 's/[].[*^$/\\]/\\&/g'; }

# print_rules prints the rules with a login's domains: changed if it has a line, in front of
# the first default if it has none. Without domains the line goes.
print_rules() {
	start="$(quoted "$1"):allow,"
	if [ -z "$2" ]; then
		sed "/^$start/d" $etc/rules
	elif grep -q "^$start" $etc/rules; then
		sed "/^$start/s/VODMR_DOMAINS=\"[^\"]*\"/VODMR_DOMAINS=\"$2\"/" $etc/rules
	else
		grep -v '^:' $etc/rules
		printf '%s:allow,VODMR_DOMAINS="%s",VODMR_IDLE="86400",VODMR_ASK="1000"\n' "$1" "$2"
		grep '^:' $etc/rules || echo :deny
	fi
}

set_rule() { edit_file $etc/rules print_rules "$1" "$2" && compile; }

compile() (
	cd $etc && tcprules rules.cdb rules.tmp <rules && tcprules tcp.cdb tcp.tmp <tcp
)

# choose_login finds whose the domains are: those that are named together are one
# customer's.
choose_login() {
	known=
	for domain; do
		name=$(owner "$domain")
		[ -z "$name" ] || [ -z "$known" ] || [ "$name" = "$known" ] ||
			fail "$name and $known hold some of these domains each: name the domains of one customer at a time"
		[ -z "$name" ] || known=$name
	done
	[ -z "$login" ] || [ -z "$known" ] || [ "$login" = "$known" ] ||
		fail "$known holds one of these domains already: leave -u out, or remove the domain first, with -d"
	[ -n "$known$login" ] || [ -z "$(field "odmr@$1" 1)" ] ||
		fail "the login odmr@$1 is of a customer who has other domains: for another customer choose a login with -u; for this one say -u odmr@$1"
	login=${known:-${login:-odmr@$1}}
}

# new_home prints a folder for a mailbox that no login has.
new_home() {
	home=$mail/$1
	number=1
	while cut -d: -f6 $vpasswd 2>/dev/null | grep -qxF "$home"; do
		number=$((number + 1))
		home=$mail/$1-$number
	done
	echo "$home"
}

# postfix_mailbox makes the mailbox and the login of a customer.
postfix_mailbox() {
	home=$(field "$login" 6)
	: "${home:=$(new_home "$1")}"
	[ -d "$home/Maildir/new" ] || change "make the mailbox $home/Maildir" make_mailbox "$home"
	[ -n "$(field "$login" 2)" ] || change "make the login $login" close_login "$login" "$home"
}

customer() {
	"$kind"_mailbox "$@"
	had=$(domains_of "$login")
	held=$had
	for domain; do
		case ,$held, in *",$domain,"*) ;; *) held="$held${held:+,}$domain" ;; esac
	done
	if [ "$held" != "$had" ]; then
		new_domains=yes
		change "say in $etc/rules that $login holds $held" set_rule "$login" "$held"
	elif [ ! -f $etc/rules.cdb ] || [ ! -f $etc/tcp.cdb ]; then
		change "compile $etc/rules and tcp" compile
	fi
}

# --- Postfix ---------------------------------------------------------------------------

# The domains are virtual mailbox domains. A delivery agent of its own, virtual(8) again,
# writes them into the Maildirs, so that settings for the admin's own mailboxes
# (virtual_mailbox_base, virtual_uid_maps and the like) stay untouched.

# print_map prints one of the three maps, from the rules and the logins.
print_map() {
	echo "$marker"
	customers | while read -r name held; do
		set -f # in this subshell
		home=$(field "$name" 6)
		for domain in $(printf '%s' "$held" | tr , ' '); do
			case $1 in
			domains) printf '%s %s\n' "$domain" "$name" ;;
			mailboxes) printf '@%s %s/Maildir/\n' "$domain" "$home" ;;
			transport) printf '%s vodmr:\n' "$domain" ;;
			esac
		done
	done
}

write_map() {
	mkdir -p $maps && print_map "$1" >"$maps/$1" && postmap "$map_type:$maps/$1"
}

write_maps() {
	for map in domains mailboxes transport; do
		if [ $dry$new_domains = yesyes ]; then
			change "write the map $maps/$map"
			continue
		fi
		print_map $map | cmp -s - $maps/$map || change "write the map $maps/$map" write_map $map
	done
}

put_first() {
	for setting; do
		keep_old "${setting%%=*}" || return 1
	done
	postconf -e "$@"
}

# in_parameters has our maps looked at first: they know only our own domains, and a pattern
# of the admin's could match anything. All values are read before one command changes
# them, since Postfix's programs wait for a while after each change of main.cf.
in_parameters() {
	set --
	text=
	for pair in virtual_mailbox_domains:domains virtual_mailbox_maps:mailboxes transport_maps:transport; do
		own=$map_type:$maps/${pair#*:}
		value=$(postconf -h "${pair%%:*}")
		case "$value" in
		*"$own"*) continue ;;
		esac
		set -- "$@" "${pair%%:*}=$own${value:+, $value}"
		text="$text${text:+; }$own into ${pair%%:*} (now: ${value:-empty})"
	done
	[ $# -eq 0 ] || change "put into Postfix's settings: $text" put_first "$@"
}

# agent is our own virtual(8) in master.cf.
make_agent() {
	postconf -M "vodmr/unix=vodmr unix - n n - - virtual" &&
		postconf -P "vodmr/unix/virtual_mailbox_base=/" \
			"vodmr/unix/virtual_mailbox_maps=$map_type:$maps/mailboxes" \
			"vodmr/unix/virtual_uid_maps=static:$(id -u vodmrmail)" \
			"vodmr/unix/virtual_gid_maps=static:$(id -g vodmrmail)" \
			"vodmr/unix/virtual_minimum_uid=1" \
			"vodmr/unix/virtual_mailbox_limit=0"
}

agent() {
	case $(postconf -P "vodmr/unix/virtual_uid_maps" 2>/dev/null) in
	*"static:$(id -u vodmrmail 2>/dev/null)") ;;
	*) change "add the delivery agent vodmr to Postfix's master.cf" make_agent ;;
	esac
}

# postfix_refuse refuses a domain that Postfix delivers in another way already, and a Postfix
# that takes no mail from outside.
postfix_refuse() {
	for domain; do
		for list in mydestination virtual_alias_domains relay_domains virtual_mailbox_domains; do
			! listed $list "$domain" ||
				fail "Postfix has $domain in its $list, so its mail would go another way: take it out there first (postconf $list), then run this again"
		done
	done
	case $(postconf -h inet_interfaces) in
	loopback-only | localhost | 127.*)
		fail "Postfix takes mail from this machine alone: run  postconf -e inet_interfaces=all  and restart Postfix, then run this again"
		;;
	esac
}

postfix_front() {
	before=$changes
	write_maps
	agent
	in_parameters
	door_postfix
	wake_postfix "$before"
}

# take_out takes our map out of a parameter, whatever else was changed there meanwhile.
take_out() {
	now=$(postconf -h "$1")
	own=$map_type:$maps/$2
	case "$now" in
	*"$own"*) put_back "$1" "$(printf '%s' "$now" | sed "s,$(quoted "$own" | tr , .)[ ,]*,,; s/[, ]*\$//")" ;;
	esac
}

postfix_undo() {
	take_out virtual_mailbox_domains domains && take_out virtual_mailbox_maps mailboxes && take_out transport_maps transport
	case "$(postconf -h smtpd_recipient_restrictions)$(postconf -M vodmr-rcpt/unix 2>/dev/null)" in
	*vodmr-rcpt*) undo_policy ;;
	esac
	[ -z "$(postconf -M vodmr/unix 2>/dev/null)" ] || postconf -MX vodmr/unix
	rm -rf $maps $etc/postfix.old
	reload_postfix
	spool=$(postconf -h queue_directory)
	rm -f "$spool/private/vodmr" "$spool/pid/unix.vodmr" "$spool/private/vodmr-rcpt" "$spool/pid/unix.vodmr-rcpt" # Postfix leaves these behind
}

postfix_keeps() { printf '%s' "$2"; }

# --- qmail with vpopmail ---------------------------------------------------------------

# The domains are vpopmail's, and vpopmail's commands make and remove them. They have no
# mailbox but the customer's, which is the catch-all. A domain's folder belongs to another
# user, so its files are read and written with that user's rights: a link there can lead
# root astray.

qmail_need() {
	need setpriv:util-linux
	[ -x "$checkpassword" ] ||
		fail "qmail is here without vpopmail (there is no $checkpassword), and this program sets up Postfix, or qmail with vpopmail: INSTALL has the steps for a qmail without it"
	case $("$vpop/bin/vmkpasswd") in
	*only*) fail "vpopmail keeps its passwords in a database here, and this program can write them into files only: INSTALL has the steps by hand" ;;
	esac
	cat /proc/[0-9]*/comm 2>/dev/null | grep -qx qmail-send || fail "qmail-send does not run: start qmail, then run this again"
}

# assigned prints a field of the entry that qmail's users/assign has for a domain: 2 its real
# name, 3 the uid, 4 the gid, 5 the folder.
assigned() {
	grep -F "+$1-:" $qmail/users/assign 2>/dev/null | while IFS= read -r line; do
		case $line in "+$1-:"*) printf '%s\n' "$line" | cut -d: -f"$2" && break ;; esac
	done
}

# as_owner runs a command in a domain's folder as the domain's user.
as_owner() {
	folder=$(assigned "$1" 5)
	user=$(assigned "$1" 3)
	group=$(assigned "$1" 4)
	shift
	[ -n "$folder" ] && [ "${user:-0}" != 0 ] || return 1
	# shellcheck disable=SC2016 # that shell has arguments of its own
	setpriv --reuid="$user" --regid="$group" --clear-groups sh -c 'cd "$1" && shift && exec "$@"' sh "$folder" "$@"
}

# put_file writes standard input in place of a file in a domain's folder.
put_file() {
	# shellcheck disable=SC2016
	as_owner "$1" sh -c 'umask 077; rm -f "$1.new"; cat >"$1.new" && { [ ! -f "$1" ] || chmod --reference="$1" "$1.new"; } && mv "$1.new" "$1"' sh "$2"
}

qmail_passwords() { as_owner "${1#*@}" cat vpasswd 2>/dev/null; }

# qmail_logins prints a domain's vpasswd with another hash in a login's line, and the clear
# password if vpopmail was built to keep it: then the line has an eighth field.
qmail_logins() {
	key=$(key "$1")
	qmail_passwords "$1" | while IFS= read -r line; do
		case $line in
		"$key":*:*:*:*:*:*:*) clear=:$secret ;;
		"$key":*) clear= ;;
		*) printf '%s\n' "$line" && continue ;;
		esac
		printf '%s:%s:%s:NOQUOTA%s\n' "$key" "$hash" "$(printf '%s' "$line" | cut -d: -f3-6)" "$clear"
	done
}

# qmail_write changes a password. vpopmail's lock cannot be had from a shell; nothing but a
# change of a password in this domain at this very moment needs it. A file that could not be
# read is not written.
qmail_write() {
	logins=$(qmail_logins "$1")
	case $logins in *"$(key "$1"):$hash:"*) ;; *) return 1 ;; esac
	printf '%s\n' "$logins" | put_file "${1#*@}" vpasswd && vpopmails vmkpasswd "${1#*@}"
}

catchall() { as_owner "$1" cat .qmail-default 2>/dev/null; }

catchall_for() { printf "| %s/bin/vdelivermail '' %s\n" "$vpop" "$1"; }

# set_catchall keeps the old one of a domain that was there before.
set_catchall() {
	mkdir -p $records || return 1
	[ -f "$records/$1" ] || catchall "$1" >"$records/$1"
	catchall_for "$2" | put_file "$1" .qmail-default
}

# qmail_refuse refuses, before anything is changed, domains and mailboxes that are in other
# use.
qmail_refuse() {
	case " $* " in
	*" ${login#*@} "*) ;;
	*) [ -n "$(assigned "${login#*@}" 3)" ] || misuse "the login $login would be a mailbox of ${login#*@}, which is none of these domains and is not in vpopmail" ;;
	esac
	case $(field "$login" 5) in
	'' | vodmr-front) ;;
	*) fail "the mailbox $login is there already, and is not one of vodmr-front: choose another with -u" ;;
	esac
	for domain; do
		if [ -n "$(assigned "$domain" 3)" ]; then
			refuse_known "$domain"
		elif grep -qisxF "$domain" $qmail/control/locals || grep -qis "^$(quoted "$domain"):" $qmail/control/virtualdomains; then
			fail "qmail delivers $domain in another way already: take it out of $qmail/control/locals and virtualdomains, then run this again"
		else
			refuse_other_user "$domain"
		fi
	done
}

# refuse_other_user refuses a new domain, which would be vpopmail's, for another user's mailbox.
refuse_other_user() {
	case $(assigned "${login#*@}" 3) in
	'' | "$(id -u vpopmail)") ;;
	*) fail "${login#*@} has a user of its own, so make $1 for that user first (vadddomain -u), then run this again" ;;
	esac
}

# refuse_known refuses a domain that vpopmail has, if it cannot lead to the customer's mailbox.
refuse_known() {
	[ "$(assigned "$1" 2)" = "$1" ] ||
		fail "$1 is an alias of $(assigned "$1" 2) in vpopmail, and its mail comes as that: name that one"
	[ "$(assigned "$1" 3)" = "$(assigned "${login#*@}" 3)" ] || [ -z "$(assigned "${login#*@}" 3)" ] ||
		fail "$1 and ${login#*@} belong to two users, so one mailbox cannot have the mail of both: name the domains of one user at a time"
	[ "$(assigned "$1" 3)" = "$(id -u vpopmail)" ] || ! grep -qs -e '-U vpopmail' $etc/run ||
		fail "$1 has a user of its own, and the service runs as vpopmail: take -U vpopmail out of $etc/run, restart the service, then run this again"
	case $(catchall "$1") in
	*" bounce-no-mailbox" | *" delete" | "$(catchall_for "$(field "$login" 6)")" | '') ;;
	*) fail "$1 has a catch-all already, in $(assigned "$1" 5)/.qmail-default: write bounce-no-mailbox for its last word if the customer may have that mail, then run this again" ;;
	esac
}

# qmail_account is who runs vchkpw: vpopmail, or root if domains have users of their own.
qmail_account() {
	for domain in $(printf '%s %s' "${login#*@}" "$named"); do
		user=$(assigned "$domain" 3)
		if [ "${user:=$(id -u vpopmail)}" != "$(id -u vpopmail)" ]; then
			echo root
			return
		fi
	done
	echo vpopmail
}

# vpopmails runs one of vpopmail's commands. It prints an error on standard output, where a
# new password would be otherwise.
vpopmails() {
	program=$vpop/bin/$1
	shift
	printed=$(cd / && "$program" "$@") || {
		say "$printed"
		return 1
	}
}

# make_domain makes one with no mailbox. vadddomain wants a postmaster, whose password it
# makes of the time; without that account the catch-all gets postmaster's mail too.
make_domain() {
	mkdir -p $records && echo made >"$records/$1" || return 1
	vpopmails vadddomain -r "$1" && vpopmails vdeluser "postmaster@$1"
}

# make_vpopmail_account closes the mailbox that vadduser makes, since its password is made of the time.
make_vpopmail_account() {
	vpopmails vadduser -r -q NOQUOTA -c vodmr-front "$1" && close_login "$1" ""
}

qmail_mailbox() {
	for domain; do
		[ -n "$(assigned "$domain" 3)" ] || change "make the domain $domain in vpopmail, with no mailbox yet" make_domain "$domain"
	done
	[ -n "$(field "$login" 2)" ] || change "make the mailbox $login in vpopmail" make_vpopmail_account "$login"
	home=$(field "$login" 6)
	for domain; do
		[ "$(catchall "$domain")" = "$(catchall_for "${home:-nowhere}")" ] ||
			change "let all other mail for $domain go to the mailbox $login" set_catchall "$domain" "$home"
	done
}

qmail_front() {
	grep -qs ' [0-9A-F]*:0019 0*:0000 0A ' /proc/net/tcp /proc/net/tcp6 ||
		note "nothing listens at port 25 here, so no mail comes from outside yet: start qmail-smtpd"
}

# qmail_unit has the units of the package see a vpopmail or domains in other places, and lets
# root read the passwords of each domain's user. The units hide what is in /home.
qmail_unit() {
	[ ! -f $unit ] || return 0
	if [ "$vpop" != /home/vpopmail ] || ! grep -qs -e '-U vpopmail' $etc/run; then
		print_dropin | cmp -s - "${dropins%% *}/vpopmail.conf" ||
			change "have the units of vodmr see the domains' folders, with the rights of their users" write_dropins
	fi
}

print_dropin() {
	printf '%s\n[Service]\nCapabilityBoundingSet=CAP_DAC_READ_SEARCH\n' "$marker"
	{
		set -f # in this subshell
		echo "$vpop"
		for domain in "${login#*@}" $(customers | cut -d' ' -f1 | sed 's/.*@//'); do
			assigned "$domain" 5
		done
	} | grep -v "^$(quoted "$vpop")/" | sort -u | while read -r folder; do
		printf 'BindPaths=-%s\nReadWritePaths=-%s\n' "$folder" "$folder"
	done
}

write_dropins() {
	for dropin in $dropins; do
		mkdir -p "$dropin" && print_dropin >"$dropin/vpopmail.conf" || return 1
	done
	systemctl daemon-reload && systemctl try-restart vodmr.service
}

# qmail_keeps is where mail that waits goes with its mailbox's end.
qmail_keeps() { printf '%s' "$mail/$1"; }

# qmail_drop removes a login with its mailbox. New mail bounces first.
qmail_drop() {
	set_rule "$1" "" || return 1
	for name in "$records"/*; do
		name=${name##*/}
		[ "$(catchall "$name")" != "$(catchall_for "$2")" ] || catchall_for bounce-no-mailbox | put_file "$name" .qmail-default || return 1
	done
	if [ -n "$(find "$2/Maildir/new" "$2/Maildir/cur" -type f | head -n 1)" ]; then
		mkdir -p $mail && mkdir -m 700 "$mail/$1" && mv "$2/Maildir" "$mail/$1/Maildir" || return 1
	fi
	vpopmails vdeluser "$1"
}

# qmail_release gives a domain of a login back. The login's own domain stays as long as it has
# another.
qmail_release() {
	own=${2#*@}
	if [ -n "$3" ] && [ "$1" = "$own" ] && [ "$(cat "$records/$1")" = made ]; then
		change "let mail for $1 bounce; the domain stays in vpopmail, since $2 is a mailbox of it" bounce_all "$1"
		return
	fi
	release_domain "$1"
	[ -n "$3" ] || [ "$1" = "$own" ] || release_domain "$own"
}

# release_domain removes a domain that this program made, unless mailboxes are in it; one that
# was there before gets its old catch-all.
release_domain() {
	[ -f "$records/$1" ] || return 0
	if [ "$(cat "$records/$1")" != made ]; then
		change "put back the old catch-all of $1, which stays in vpopmail as it was there before" old_catchall "$1"
	elif [ $dry = no ] && [ -n "$(qmail_passwords "@$1")" ]; then
		change "let mail for $1 bounce; the domain stays in vpopmail, since others have mailboxes there" bounce_all "$1"
		rm -f "${records:?}/$1"
	else
		change "remove $1 from vpopmail, as vodmr-front made it" delete_domain "$1"
	fi
}

bounce_all() { catchall_for bounce-no-mailbox | put_file "$1" .qmail-default; }

old_catchall() { put_file "$1" .qmail-default <"$records/$1" && rm "$records/$1"; }

delete_domain() { vpopmails vdeldomain "$1" && rm "$records/$1"; }

# --- The door: unknown recipients are refused ------------------------------------------

# Postfix asks vodmr-rcpt about each recipient, see vodmr-rcpt(8). An empty env/VODMR_DOOR
# unsets the variable, and is how a front remembers that its admin wants no door (-a).
policy="check_policy_service { unix:private/vodmr-rcpt, timeout=10s, default_action=DUNNO }"

wants_door() { [ $any_recipient = no ] && { [ ! -e $etc/env/VODMR_DOOR ] || [ -s $etc/env/VODMR_DOOR ]; }; }

make_door() {
	getent group vodmrdoor >/dev/null || groupadd --system vodmrdoor || return 1
	getent passwd vodmrrcpt >/dev/null ||
		useradd --system -g vodmrdoor --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vodmrrcpt || return 1
	install -d -m 755 $mail && install -d -o vodmrmail -g vodmrdoor -m 2750 $door
}

# say_door sets the variable, or unsets it. The run script reads it once, so a service that
# runs starts again.
say_door() {
	if [ -n "$1" ]; then echo "$1"; fi >$etc/env/VODMR_DOOR || return 1
	restart_service
}

# restart_service does so if the service runs.
restart_service() {
	if has_systemd; then
		systemctl try-restart vodmr.service 2>/dev/null || :
	elif is_supervised $etc; then
		restart_supervised $etc
	elif alive; then
		end_alone # run_service starts it
	fi
}

# door_folder makes the folder where sessions are asked, and the account that may ask.
door_folder() {
	if wants_door; then
		[ "$(stat -c '%U %G %a' $door 2>/dev/null) $(id -gn vodmrrcpt 2>/dev/null)" = "vodmrmail vodmrdoor 2750 vodmrdoor" ] ||
			change "make the folder $door, and the account vodmrrcpt of the group vodmrdoor, which may ask there about recipients" make_door
		[ -s $etc/env/VODMR_DOOR ] || change "have sessions answer at $door" say_door $door
	elif [ ! -e $etc/env/VODMR_DOOR ] || [ -s $etc/env/VODMR_DOOR ]; then
		change "leave unknown recipients to the customers, now and later: $etc/env/VODMR_DOOR is empty" say_door ""
	fi
}

# print_checked prints a list of restrictions with our check behind the one that keeps
# others from relaying. A final "permit" stays the last.
print_checked() {
	case " $(printf '%s' "$1" | tr ',' ' ') " in
	*" reject_unauth_destination "* | *" defer_unauth_destination "*)
		printf '%s' "$1" | sed "s#\(^\|[ ,]\)\(\(reject\|defer\)_unauth_destination\)\([ ,]\|\$\)#\1\2, $policy\4#"
		;;
	*" permit ") printf '%s' "$1" | sed "s#permit[ ,]*\$#$policy, permit#" ;;
	*) printf '%s' "$1${1:+, }$policy" ;;
	esac
}

door_postfix() {
	restrictions=$(postconf -h smtpd_recipient_restrictions)
	if ! wants_door; then
		case "$restrictions$(postconf -M vodmr-rcpt/unix 2>/dev/null)" in
		*vodmr-rcpt*) change "take vodmr-rcpt out of Postfix's settings" undo_policy ;;
		esac
		return 0
	fi
	# A spawn(8) that vodmr-rcpt runs under, with the rights of its own account.
	spawned="user=vodmrrcpt:vodmrdoor argv=$(command -v vodmr-rcpt) -d $door -P"
	case $(postconf -M vodmr-rcpt/unix 2>/dev/null) in
	*"$spawned") ;;
	*) change "add the service vodmr-rcpt to Postfix's master.cf" \
		postconf -M "vodmr-rcpt/unix=vodmr-rcpt unix - n n - 100 spawn $spawned" ;;
	esac
	case $restrictions in
	*private/vodmr-rcpt*) ;;
	*) change "have Postfix ask vodmr-rcpt, by smtpd_recipient_restrictions (now: ${restrictions:-empty})" \
		put_first "smtpd_recipient_restrictions=$(print_checked "$restrictions")" ;;
	esac
}

# undo_policy takes our check out.
undo_policy() {
	own=$(quoted "$policy")
	put_back smtpd_recipient_restrictions \
		"$(postconf -h smtpd_recipient_restrictions | sed "s/[ ,]*${own}\$//; s/${own}[ ,]*//")"
	[ -z "$(postconf -M vodmr-rcpt/unix 2>/dev/null)" ] || postconf -MX vodmr-rcpt/unix
}

# --- The service -----------------------------------------------------------------------

write_unit() {
	cat >$unit <<-END
		$marker
		[Unit]
		Description=On-demand mail relay (ATRN), port $(the_port)
		Documentation=man:vodmr(8)
		After=network.target

		[Service]
		WorkingDirectory=$etc
		ExecStart=$etc/run
		SyslogIdentifier=vodmr
		Restart=always
		RestartSec=1
		TimeoutStopSec=60
		LimitCORE=0
		PrivateTmp=yes
		ProtectSystem=full
		ProtectHome=$(if [ $kind = qmail ]; then echo no; else echo yes; fi)

		[Install]
		WantedBy=multi-user.target
	END
	systemctl daemon-reload
}

installed() { systemctl cat "$1" >/dev/null 2>&1; }

under_systemd() {
	installed vodmr.service || change "write the unit $unit" write_unit
	[ $kind = postfix ] || qmail_unit
	for name in vodmr.service vodmr-expire.timer; do
		[ $name = vodmr.service ] || installed $name || continue
		stands $name || change "start $name, now and at each boot" systemctl -q enable --now $name
	done
}

under_svscan() {
	link_new $etc/expire vodmrexpire
	link_new $etc vodmr
	await_supervisor $etc/expire
	await_supervisor $etc
}

# link_new links a service that is not supervised yet.
link_new() {
	link=$(link_of "$1" "$2")
	if must_link "$1" "$link"; then
		end_before_link
		link_for "$1" "$link"
	fi
}

run_service() {
	if has_systemd; then
		under_systemd
	elif supervisable $etc; then
		under_svscan
	else
		alive || change "start $etc/run; its log is $plain_log" start_alone
	fi
}

undo_service() {
	if has_systemd; then
		systemctl -q disable --now vodmr-expire.timer 2>/dev/null
		systemctl -q disable --now vodmr.service 2>/dev/null
		! is_ours $unit || rm -f $unit
		for dropin in $dropins; do
			rm -f "$dropin/vpopmail.conf"
			rmdir "$dropin" 2>/dev/null
		done
		systemctl daemon-reload
	fi
	unlink_service $etc/expire
	end_service
}

# answers tells if the port answers with our certificate.
answers() {
	wanted=$(openssl x509 -in $certificate -noout -fingerprint -sha256)
	got=$(openssl s_client -connect "127.0.0.1:$(the_port)" -starttls smtp </dev/null 2>/dev/null |
		openssl x509 -noout -fingerprint -sha256 2>/dev/null)
	[ "$got" = "$wanted" ]
}

wait_for_port() {
	[ $dry = yes ] || try_until 60 0.5 answers ||
		fail "port $(the_port) does not answer with the certificate $certificate: look into the log ($(log_place)), and if another program has the port (ss -ltnp)"
}

# probe sends a message to the front itself, and finds it in the mailbox. If nothing was
# changed there is no need, and a customer who is connected would get it.
probe() {
	if [ $dry = yes ] || [ $changes -eq 0 ]; then return 0; fi
	note "send a probe to $login by $server, and look for it in the mailbox"
	found=$(vodmr-check -d $etc -p "$login" 2>&1) || {
		say "$found"
		fail "the probe did not come through: look at the log of $server ($server_log) and run this again"
	}
}

# --- The commands ----------------------------------------------------------------------

set_up() {
	host=$1
	shift
	check_name "$host"
	for domain; do
		check_name "$domain"
		[ "$domain" != "$host" ] || misuse "$host is the front's own name, and its mail stays here: name the customer's domains behind it"
	done
	"$kind"_need
	knows_keys
	named=$*
	is=$(the_host)
	[ -z "$is" ] || [ "$is" = "$host" ] || fail "this front has the name $is already: use that, as each customer's invitation does"
	case $kind,$login in qmail,*@* | *, | postfix,*) ;; *) login=$login@$1 ;; esac
	choose_login "$@"
	"$kind"_refuse "$@"
	accounts
	service_directory
	make_certificate
	customer "$@"
	[ $kind = qmail ] || door_folder
	"$kind"_front
	run_service
	wait_for_port
	probe
	first_secret
	finish ""
	[ $dry = yes ] || show_invitation
}

# knows_keys refuses a login by a key if vpopmail's vchkpw would have to check it.
knows_keys() {
	[ "$by_key$keys" = no ] || [ $kind = postfix ] ||
		fail "vpopmail's vchkpw knows passwords only, so no customer of this front can log in by a key: leave -x and -k out"
}

# first_secret comes last: if an earlier step fails, no secret is made that nobody has seen.
first_secret() {
	if [ -n "$keys" ]; then
		let_in
		return
	fi
	case $by_key$(field "$login" 2) in
	'yes*' | yes) change "have $login log in by a key, which the customer makes" set_keys "$login" "$(field "$login" 6)" ;;
	'no*' | no) change "give $login a secret$hashed" new_secret "$login" "$(field "$login" 6)" ;;
	esac
}

# let_in gives the login the keys of -k.
let_in() {
	[ "$(field "$login" 8-)" = "$keys" ] ||
		change "let $login in by $keys, and by no password" set_keys "$login" "$(field "$login" 6)"
}

# take_keys is the command for the hash that a customer has sent.
take_keys() {
	login=$1
	[ -n "$(domains_of "$login")" ] || fail "there is no customer $login here: vodmr-front -l lists them"
	knows_keys
	ask_for_keys
	let_in
	run_service # which may have ended for ask_for_keys
	finish ""
	[ $dry = yes ] || note "on the customer's machine, the next command is  atrn-conf $(the_host)"
}

show_invitation() {
	if [ -z "$secret" ] && external "$login"; then
		note "the invitation of $login follows. It holds no secret: the customer logs in by a key. On the customer's machine, with Postfix: atrn-conf -P 'INVITATION'"
		[ -n "$(field "$login" 8-)" ] || note "that prints the command to run here then:  vodmr-front -k sha256:... $login"
	elif [ -n "$secret" ]; then
		note "the invitation of $login follows. $copies: send it by a safe way. On the customer's machine, with Postfix: atrn-conf -P -   and paste it"
	elif [ $changes -gt 0 ]; then
		note "the invitation of $login follows, without its secret: atrn-conf there keeps the one that it has. For a new one: vodmr-front -r $login"
	else
		note "the invitation of $login without its secret. For a new one: vodmr-front -r $login"
	fi
	invitation "$login" "$secret"
}

renew() {
	login=$1
	[ -n "$(domains_of "$login")" ] || fail "there is no customer $login here: vodmr-front -l lists them"
	change "give $login a new secret; the old one ends" new_secret "$login" "$(field "$login" 6)"
	finish ""
	[ $dry = yes ] || show_invitation
}

list() {
	host=$(the_host)
	[ -f $certificate ] || fail "no front is set up here: vodmr-front HOST DOMAIN... does"
	printf 'front %s:%s\n' "$host" "$(the_port)"
	key=$(pin)
	printf 'pin %s\n' "${key:+sha256:}${key:-none: a CA vouches for the certificate}"
	customers | while read -r name held; do
		key=
		if external "$name"; then
			key=$(field "$name" 8-)
			key=" key ${key:-none yet: vodmr-front -k takes it}"
		fi
		printf 'customer %s domains %s mailbox %s/Maildir%s\n' "$name" "$held" "$(field "$name" 6)" "$key"
	done
}

# without prints a list without a word.
without() { printf '%s' "$1" | tr , '\n' | grep -vxF "$2" | paste -sd, -; }

take_down() {
	undo_service
	[ $kind = qmail ] || postfix_undo
	! is_ours $hook || rm -f $hook
	rm -rf $etc $door
	for name in vodmr vodmrtls vodmrlog vodmrrcpt; do
		! getent passwd $name >/dev/null || userdel $name
	done
	! getent group vodmrdoor >/dev/null || groupdel vodmrdoor
	rmdir $mail 2>/dev/null
	[ -d $mail ] || ! getent passwd vodmrmail >/dev/null || userdel vodmrmail
}

# postfix_drop removes a login, and its mailbox only if nothing waits in it.
postfix_drop() {
	postfix_write "$1" "" && set_rule "$1" "" || return 1
	if rmdir "$2/Maildir/new" 2>/dev/null; then
		if rmdir "$2/Maildir/cur"; then
			rm -rf "$2"
		else
			mkdir -m 700 "$2/Maildir/new" && chown vodmrmail:vodmrmail "$2/Maildir/new"
		fi
	fi
}

remove() {
	shrunk=
	for domain; do
		login=$(owner "$domain")
		if [ -z "$login" ]; then
			note "no customer here holds $domain"
			continue
		fi
		home=$(field "$login" 6)
		left=$(without "$(domains_of "$login")" "$domain")
		if [ -n "$left" ]; then
			change "take $domain from $login, which keeps $left" set_rule "$login" "$left"
			shrunk="$shrunk $login"
		else
			change "remove the login $login, as $domain is its last domain; mail that waits stays in $("$kind"_keeps "$login" "$home")" "$kind"_drop "$login" "$home"
		fi
		[ $kind = postfix ] || qmail_release "$domain" "$login" "$left"
	done
	[ $dry = no ] || return 0
	if [ -n "$(customers)" ]; then
		[ $kind = qmail ] || write_maps
	elif [ $changes -gt 0 ] && ! grep -q '^[^#:].*:allow' $etc/rules; then
		change "take down the front, as no customer is left: service, settings of $server, $etc" take_down
	fi
	finish ""
	if [ -f $etc/rules ]; then
		customers | show_fewer
	fi
}

# show_fewer prints the invitations of customers that keep other domains, from "LOGIN DOMAINS"
# lines. They ask for all domains of the one that they have, and one that is not theirs
# has all refused (RFC 2645 section 5.2.1).
show_fewer() {
	while read -r name _; do
		case " $shrunk " in *" $name "*) ;; *) continue ;; esac
		note "until $name has the next line, its customer asks for the old domains too, and gets no mail. There: atrn-conf -P -   and paste it"
		invitation "$name" ""
	done
}

main() {
	action=set_up
	read_arguments "$@"
	case $port in
	*[!0-9]*) misuse "-p takes a port, not $port" ;;
	esac
	[ -z "$keys" ] || [ $by_key = no ] || misuse "-x is for a key that is still to come, and -k has it: give one of them"
	[ $action = set_up ] || [ "$by_key$keys" = no ] || misuse "-x and -k are for a login, and not for -l, -r and -d"
	[ -z "$keys" ] || [ $count -ne 1 ] || action=take_keys
	case $action$count in
	take_keys1) ;;
	set_up[01]) misuse "give the front's name and a customer's domains" ;;
	list[!0]* | renew0 | renew[!1]* | remove0) misuse "wrong number of arguments" ;;
	esac
	[ "$(id -u)" = 0 ] || fail "only root can set up a front: use sudo"
	one_at_a_time
	find_kind
	lowered=$(printf '%s' "$words" | tr '[:upper:]' '[:lower:]')
	set -f # a word is a word, not a pattern of file names
	# shellcheck disable=SC2086 # split on purpose
	set -- $lowered
	set +f
	$action "$@"
}

# read_options takes the options up to the next other word.
read_options() {
	while getopts :hVanlrdxp:u:k:-: option; do
		case $option in
		h) answer help ;;
		V) answer version ;;
		-) answer "$OPTARG" ;;
		a) any_recipient=yes ;;
		n) dry=yes ;;
		l) action=list ;;
		r) action=renew ;;
		d) action=remove ;;
		x) by_key=yes ;;
		k) keys=$OPTARG && check_keys "$keys" ;;
		p) port=$OPTARG ;;
		u) login=$(printf '%s' "$OPTARG" | tr '[:upper:]' '[:lower:]') && check_login "$login" ;;
		*) misuse "-$OPTARG is unknown, or its value is missing" ;;
		esac
	done
}

run_main "$@"
