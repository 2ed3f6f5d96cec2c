#!/bin/sh
# Vodmr-front sets up a whole front on Debian: the domains at the mail server, a login,
# a certificate and the service. It prints the invitation for the customer's atrn-conf.
# See vodmr-front(8).
#
# Each step looks first if all is right already, so a second run changes nothing. Secrets
# pass through pipes and the shell's own printf: an argument of a program could be seen.
set -u
LC_ALL=C
export LC_ALL
umask 022
# shellcheck disable=SC3045 # every sh of Debian's knows -c, and others may do without
ulimit -c 0 2>/dev/null

usage="usage: vodmr-front [-a] [-n] [-p PORT] [-u LOGIN] HOST DOMAIN...
       vodmr-front -l
       vodmr-front [-n] -r LOGIN
       vodmr-front [-n] -d DOMAIN...
       vodmr-front -h | -V
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
pidfile=/run/vodmr.pid
marker='# Written by vodmr-front.'

dry=no
any_recipient=no
port=
login=
secret=
changes=0
new_domains=no

say() { printf '%s\n' "$*" >&2; }

fail() {
	say "vodmr-front: $*"
	exit $exitLater
}

misuse() {
	say "vodmr-front: $*"
	say "$usage"
	exit $exitMisuse
}

# change says what it does, does it, and counts it. With -n it only says it.
change() {
	changes=$((changes + 1))
	if [ $dry = yes ]; then
		say "would $1"
		return 0
	fi
	say "vodmr-front: $1"
	what=$1
	shift
	"$@" || fail "that failed ($what): mend what the lines above say and run this again; what is done stays"
}

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

# need says at once all that must be installed first.
need() {
	[ ! -x /var/qmail/bin/qmail-send ] || command -v postconf >/dev/null ||
		fail "qmail is here, and this program sets up Postfix only: INSTALL has the steps for qmail, with vpopmail or without"
	missing=
	for pair in postconf:postfix postmap:postfix openssl:openssl tcpserver:ucspi-tcp tcprules:ucspi-tcp useradd:passwd; do
		command -v "${pair%%:*}" >/dev/null && continue
		case " $missing " in *" ${pair#*:} "*) ;; *) missing="$missing ${pair#*:}" ;; esac
	done
	[ -z "$missing" ] || fail "install first what is missing here: apt-get install$missing"
	for name in vodmr vodmr-tls vodmr-checkpw vodmr-relay vodmr-rcpt vodmr-conf; do
		command -v $name >/dev/null || fail "the program $name is not in PATH: install vodmr whole"
	done
	[ -n "$(postconf -h mail_version 2>/dev/null)" ] || fail "Postfix has no settings yet: run dpkg-reconfigure postfix, and choose \"Internet Site\""
}

has_systemd() { [ -d /run/systemd/system ]; }

# scanned prints the folder that svscan, runsvdir or s6-svscan looks at, if one runs.
scanned() {
	cat /proc/[0-9]*/comm 2>/dev/null | grep -qxE 'svscan|runsvdir|s6-svscan' || return 0
	for found in /etc/service /service /var/service; do
		if [ -d $found ]; then
			echo $found
			return
		fi
	done
}

# field prints the n-th field of a login's line in vpasswd.
field() {
	[ -f $vpasswd ] || return 0
	while IFS= read -r line; do
		case $line in
		"$1":*) printf '%s\n' "$line" | cut -d: -f"$2" && return ;;
		esac
	done <$vpasswd
}

# customers lists the logins of this program: a login and its domains a line.
customers() {
	[ -f $etc/rules ] || return 0
	sed -n 's/^\([^#:@][^:]*\):allow,.*VODMR_DOMAINS="\([^"]*\)".*/\1 \2/p' $etc/rules | while read -r name held; do
		case $(field "$name" 6) in $mail/*) printf '%s %s\n' "$name" "$held" ;; esac
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

# the_host prints the name of a front that is set up already.
the_host() { [ ! -f $etc/control/me ] || head -n 1 $etc/control/me; }

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
	for domain in $(domains_of "$1" | tr , ' '); do
		line="$line${mark}domain=$domain"
		mark='&'
	done
	key=$(pin)
	printf '%s%s\n' "$line" "${key:+${mark}pin=sha256:$key}"
}

# --- Accounts, service directory, certificate ------------------------------------------

make_account() { useradd --system --user-group --no-create-home --home-dir "$2" --shell /usr/sbin/nologin "$1"; }

account() {
	getent passwd "$1" >/dev/null || change "make the account $1, which $3" make_account "$1" "$2"
}

accounts() {
	account vodmr /nonexistent "talks to the network and owns nothing"
	account vodmrmail $mail "owns the mail that waits"
	logger=root
	if ! has_systemd && [ -n "$(scanned)" ]; then
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
	vodmr-conf -s -m postfix ${port:+-p "$port"} -u vodmr -c $certificate \
		vodmrmail "$logger" "$made" "$host" 'vodmr-checkpw vpasswd' >/dev/null || return 1
	[ $made != $etc ] || return 0
	for part in "$made"/*; do
		[ -e "$etc/${part##*/}" ] || mv "$part" $etc/ || return 1
	done
	rm -rf "$made"
	chmod 3755 $etc
}

service_directory() {
	if [ -f $etc/run ]; then
		grep -q 'vodmr-checkpw vpasswd' $etc/run ||
			fail "$etc/run is there, and it is not one of vodmr-front: add this customer by hand, as INSTALL says"
		[ -z "$port" ] || [ "$port" = "$(the_port)" ] ||
			fail "this front listens at port $(the_port): to change it, change the last number before vodmr-tls in $etc/run, and run systemctl restart vodmr"
	else
		change "make the service directory $etc" make_service
	fi
	[ "$(the_host)" = "$host" ] || change "write the name $host into $etc/control/me" write_me
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

# print_logins prints vpasswd without a login's line, and behind it a new one if there is
# a home for it. The secret and its hash stay within the shell.
print_logins() {
	while IFS= read -r line; do
		case $line in "$1":*) ;; *) printf '%s\n' "$line" ;; esac
	done <$vpasswd
	[ -z "$2" ] || printf '%s:%s:%s:%s:vodmr-front:%s:-:\n' "$1" "$hash" "$(id -u vodmrmail)" "$(id -g vodmrmail)" "$2"
}

# make_login makes a login that nobody can use yet.
make_login() {
	hash='*'
	edit_file $vpasswd print_logins "$1" "$2"
}

# new_secret makes one of 192 bits and keeps its hash alone.
new_secret() {
	secret=$(openssl rand -base64 24 | tr '+/' '-_')
	hash=$(printf '%s\n' "$secret" | openssl passwd -6 -stdin)
	case $hash in "\$6\$"*) ;; *) return 1 ;; esac
	[ ${#secret} -eq 32 ] && edit_file $vpasswd print_logins "$1" "$2"
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

customer() {
	home=$(field "$login" 6)
	: "${home:=$(new_home "$1")}"
	[ -d "$home/Maildir/new" ] || change "make the mailbox $home/Maildir" make_mailbox "$home"
	[ -n "$(field "$login" 2)" ] || change "make the login $login" make_login "$login" "$home"
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

# keep_old remembers a parameter as it was before the first change, with an = behind its
# name if main.cf has it at all.
keep_old() {
	grep -q "^$1\( \|\$\)" $etc/postfix.old 2>/dev/null && return
	if [ -n "$(postconf -n "$1")" ]; then
		printf '%s = %s\n' "$1" "$(postconf -h "$1")" >>$etc/postfix.old
	else
		printf '%s\n' "$1" >>$etc/postfix.old
	fi
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

# listed tells if a list of Postfix's, with its maps, has a domain.
listed() {
	for word in $(postconf -xh "$1" | tr ',' ' '); do
		case $word in
		"$2") return 0 ;;
		*:*"$maps"/*) ;;
		*:/*) [ -z "$(postmap -q "$2" "$word" 2>/dev/null)" ] || return 0 ;;
		/*) ! grep -qxF "$2" "$word" 2>/dev/null || return 0 ;;
		esac
	done
	return 1
}

# not_elsewhere refuses a domain that Postfix delivers in another way already.
not_elsewhere() {
	for domain; do
		for list in mydestination virtual_alias_domains relay_domains virtual_mailbox_domains; do
			! listed $list "$domain" ||
				fail "Postfix has $domain in its $list, so its mail would go another way: take it out there first (postconf $list), then run this again"
		done
	done
}

open_to_the_world() {
	case $(postconf -h inet_interfaces) in
	loopback-only | localhost | 127.*)
		fail "Postfix takes mail from this machine alone: run  postconf -e inet_interfaces=all  and restart Postfix, then run this again"
		;;
	esac
}

start_postfix() { if has_systemd; then systemctl start postfix; else postfix start >/dev/null 2>&1; fi; }

postfix_front() {
	before=$changes
	write_maps
	agent
	in_parameters
	door_postfix
	if ! postfix status >/dev/null 2>&1; then
		change "start Postfix" start_postfix
	elif [ "$changes" -gt "$before" ]; then
		change "reload Postfix" postfix reload
	fi
}

# old_value puts a parameter back, unless it was changed meanwhile: then only our map
# goes.
old_value() {
	now=$(postconf -h "$1")
	own=$map_type:$maps/$2
	case "$now" in *"$own"*) ;; *) return 0 ;; esac
	kept=$(sed -n "s/^$1 = //p" $etc/postfix.old 2>/dev/null)
	left=$(printf '%s' "$now" | sed "s,$(quoted "$own" | tr , .)[ ,]*,,; s/[, ]*\$//")
	if [ "$left" = "$(postconf -dh "$1")" ] && grep -qx "$1" $etc/postfix.old 2>/dev/null; then
		postconf -X "$1"
	elif [ "$left" = "$(printf '%s' "$kept" | sed 's/[, ]*$//')" ]; then
		postconf -e "$1=$kept"
	else
		postconf -e "$1=$left"
	fi
}

undo_postfix() {
	old_value virtual_mailbox_domains domains && old_value virtual_mailbox_maps mailboxes && old_value transport_maps transport
	case "$(postconf -h smtpd_recipient_restrictions)$(postconf -M vodmr-rcpt/unix 2>/dev/null)" in
	*vodmr-rcpt*) undo_policy ;;
	esac
	[ -z "$(postconf -M vodmr/unix 2>/dev/null)" ] || postconf -MX vodmr/unix
	rm -rf $maps $etc/postfix.old
	! postfix status >/dev/null 2>&1 || postfix reload >/dev/null 2>&1
	spool=$(postconf -h queue_directory)
	rm -f "$spool/private/vodmr" "$spool/pid/unix.vodmr" "$spool/private/vodmr-rcpt" "$spool/pid/unix.vodmr-rcpt" # Postfix leaves these behind
}

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

remove_door() {
	rm -rf $door
	! getent passwd vodmrrcpt >/dev/null || userdel vodmrrcpt
	! getent group vodmrdoor >/dev/null || groupdel vodmrdoor
}

# say_door sets the variable, or unsets it. The run script reads it once, so a service that
# runs starts again.
say_door() {
	if [ -n "$1" ]; then echo "$1"; fi >$etc/env/VODMR_DOOR || return 1
	if has_systemd; then
		systemctl try-restart vodmr.service 2>/dev/null || :
	elif [ -d $etc/supervise ]; then
		again $etc
	elif alive; then
		end "$(cat $pidfile)"
		rm -f $pidfile # service() starts it
	fi
}

# again has a supervised service start again.
again() {
	if command -v svc >/dev/null; then
		svc -t "$1"
	elif command -v sv >/dev/null; then
		sv term "$1" >/dev/null
	else
		s6-svc -t "$1"
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

# A spawn(8) that vodmr-rcpt runs under, with the rights of its own account.
make_policy() {
	postconf -M "vodmr-rcpt/unix=vodmr-rcpt unix - n n - 100 spawn user=vodmrrcpt:vodmrdoor argv=$(command -v vodmr-rcpt) -d $door -P"
}

door_postfix() {
	restrictions=$(postconf -h smtpd_recipient_restrictions)
	if ! wants_door; then
		case "$restrictions$(postconf -M vodmr-rcpt/unix 2>/dev/null)" in
		*vodmr-rcpt*) change "take vodmr-rcpt out of Postfix's settings" undo_policy ;;
		esac
		return 0
	fi
	case $(postconf -M vodmr-rcpt/unix 2>/dev/null) in
	*"user=vodmrrcpt:vodmrdoor argv=$(command -v vodmr-rcpt) -d $door -P") ;;
	*) change "add the service vodmr-rcpt to Postfix's master.cf" make_policy ;;
	esac
	case $restrictions in
	*private/vodmr-rcpt*) ;;
	*) change "have Postfix ask vodmr-rcpt, by smtpd_recipient_restrictions (now: ${restrictions:-empty})" \
		put_first "smtpd_recipient_restrictions=$(print_checked "$restrictions")" ;;
	esac
}

# undo_policy takes our check out. If the list is what it was before, it gets its old
# text, or leaves main.cf.
undo_policy() {
	own=$(quoted "$policy")
	left=$(postconf -h smtpd_recipient_restrictions | sed "s/[ ,]*${own}\$//; s/${own}[ ,]*//")
	kept=$(sed -n 's/^smtpd_recipient_restrictions = //p' $etc/postfix.old 2>/dev/null)
	if [ "$left" = "$(postconf -dh smtpd_recipient_restrictions)" ] && grep -qx smtpd_recipient_restrictions $etc/postfix.old 2>/dev/null; then
		postconf -X smtpd_recipient_restrictions
	elif [ "$(words "$left")" = "$(words "$kept")" ]; then
		postconf -e "smtpd_recipient_restrictions=$kept"
	else
		postconf -e "smtpd_recipient_restrictions=$left"
	fi
	[ -z "$(postconf -M vodmr-rcpt/unix 2>/dev/null)" ] || postconf -MX vodmr-rcpt/unix
}

# words prints a list of Postfix's, a word a line.
words() { printf '%s\n' "$1" | tr ',' ' ' | tr ' ' '\n' | grep . || :; }

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
		ProtectHome=yes

		[Install]
		WantedBy=multi-user.target
	END
	systemctl daemon-reload
}

installed() { systemctl cat "$1" >/dev/null 2>&1; }

under_systemd() {
	installed vodmr.service || change "write the unit $unit" write_unit
	for name in vodmr.service vodmr-expire.timer; do
		[ $name = vodmr.service ] || installed $name || continue
		if ! systemctl -q is-enabled $name 2>/dev/null || ! systemctl -q is-active $name 2>/dev/null; then
			change "start $name, now and at each boot" systemctl -q enable --now $name
		fi
	done
}

under_svscan() {
	for pair in "vodmr:$etc" "vodmrexpire:$etc/expire"; do
		link=$1/${pair%%:*}
		[ -e "$link" ] || change "link ${pair#*:} as $link, so that it runs now and at each boot" ln -s "${pair#*:}" "$link"
	done
}

alive() { [ -f $pidfile ] && kill -0 "$(cat $pidfile)" 2>/dev/null; }

start_alone() {
	(cd $etc && exec setsid ./run >>/var/log/vodmr.log 2>&1 </dev/null 9>&-) &
	echo $! >$pidfile
	say "vodmr-front: nothing here starts services (neither systemd nor svscan), so this one ends with the machine: have $etc/run started at boot"
}

service() {
	folder=$(scanned)
	if has_systemd; then
		under_systemd
	elif [ -n "$folder" ]; then
		under_svscan "$folder"
	else
		alive || change "start $etc/run; its log is /var/log/vodmr.log" start_alone
	fi
}

# end ends a process with its children, and waits for its end: what is in flight is still
# answered. It leads a group of its own (setsid).
end() {
	kill -TERM "-$1"
	tries=0
	while kill -0 "$1" 2>/dev/null && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
}

undo_service() {
	if has_systemd; then
		systemctl -q disable --now vodmr-expire.timer 2>/dev/null
		systemctl -q disable --now vodmr.service 2>/dev/null
		if grep -q "^$marker" $unit 2>/dev/null; then
			rm -f $unit
			systemctl daemon-reload
		fi
	fi
	folder=$(scanned)
	for name in vodmrexpire vodmr; do
		[ -L "${folder:-/nonexistent}/$name" ] || continue
		target=$(readlink -f "$folder/$name")
		rm -f "$folder/$name"
		stop_supervised "$target"
	done
	if alive; then
		end "$(cat $pidfile)"
	fi
	rm -f $pidfile
}

# stop_supervised ends a service and its log for good, under each of the three.
stop_supervised() {
	for supervised in "$1" "$1/log"; do
		[ -d "$supervised/supervise" ] || continue
		if command -v svc >/dev/null; then
			svc -dx "$supervised"
		elif command -v sv >/dev/null; then
			sv exit "$supervised" >/dev/null
		elif command -v s6-svc >/dev/null; then
			s6-svc -dx "$supervised"
		fi
	done
}

# answers tells if the port answers with our certificate.
answers() {
	wanted=$(openssl x509 -in $certificate -noout -fingerprint -sha256)
	got=$(openssl s_client -connect "127.0.0.1:$(the_port)" -starttls smtp </dev/null 2>/dev/null |
		openssl x509 -noout -fingerprint -sha256 2>/dev/null)
	[ "$got" = "$wanted" ]
}

wait_for_port() {
	[ $dry = no ] || return 0
	tries=0
	while ! answers; do
		tries=$((tries + 1))
		[ $tries -lt 60 ] || fail "port $(the_port) does not answer with the certificate $certificate: look into the log ($(log_place)), and if another program has the port (ss -ltnp)"
		sleep 0.5
	done
}

log_place() {
	if has_systemd; then
		echo "journalctl -u vodmr"
	elif [ -n "$(scanned)" ]; then
		echo "$etc/log/main/current"
	else
		echo /var/log/vodmr.log
	fi
}

# probe sends a message to the front itself, and finds it in the mailbox. If nothing was
# changed there is no need, and a customer who is connected would get it.
probe() {
	if [ $dry = yes ] || [ $changes -eq 0 ]; then return 0; fi
	say "vodmr-front: send a probe to $login by Postfix, and look for it in the mailbox"
	found=$(vodmr-check -d $etc -p "$login" 2>&1) || {
		say "$found"
		fail "the probe did not come through: look at Postfix's log (journalctl -u 'postfix*', or /var/log/mail.log) and run this again"
	}
}

# --- The commands ----------------------------------------------------------------------

finish() {
	if [ $changes -eq 0 ]; then
		say "vodmr-front: nothing to change"
	elif [ $dry = yes ]; then
		say "vodmr-front: nothing was changed (-n)"
	fi
}

one_at_a_time() {
	if [ $dry = yes ] || ! command -v flock >/dev/null; then return 0; fi
	exec 9<"$0"
	flock -n 9 || fail "another vodmr-front runs: wait for its end"
}

set_up() {
	host=$1
	shift
	check_name "$host"
	for domain; do
		check_name "$domain"
		[ "$domain" != "$host" ] || misuse "$host is the front's own name, and its mail stays here: name the customer's domains behind it"
	done
	need
	is=$(the_host)
	[ -z "$is" ] || [ "$is" = "$host" ] || fail "this front has the name $is already: use that, as each customer's invitation does"
	choose_login "$@"
	not_elsewhere "$@"
	open_to_the_world
	accounts
	service_directory
	make_certificate
	customer "$@"
	door_folder
	postfix_front
	service
	wait_for_port
	probe
	first_secret
	finish
	[ $dry = yes ] || show_invitation
}

# first_secret comes last: if an earlier step fails, no secret is made that nobody has seen.
first_secret() {
	case $(field "$login" 2) in
	'*' | '') change "give $login a secret, and keep its hash" new_secret "$login" "$(field "$login" 6)" ;;
	esac
}

show_invitation() {
	if [ -n "$secret" ]; then
		say "vodmr-front: the invitation of $login follows. It holds the only copy of the secret: send it by a safe way. On the customer's machine, with Postfix: atrn-conf -P -   and paste it"
	elif [ $changes -gt 0 ]; then
		say "vodmr-front: the invitation of $login follows, without its secret: atrn-conf there keeps the one that it has. For a new one: vodmr-front -r $login"
	else
		say "vodmr-front: the invitation of $login without its secret, of which no copy is here. For a new one: vodmr-front -r $login"
	fi
	invitation "$login" "$secret"
}

renew() {
	login=$1
	home=$(field "$login" 6)
	[ -n "$(domains_of "$login")" ] || fail "there is no customer $login here: vodmr-front -l lists them"
	change "give $login a new secret; the old one ends" new_secret "$login" "$home"
	finish
	[ $dry = yes ] || show_invitation
}

list() {
	host=$(the_host)
	[ -f $certificate ] || fail "no front is set up here: vodmr-front HOST DOMAIN... does"
	printf 'front %s:%s\n' "$host" "$(the_port)"
	key=$(pin)
	printf 'pin %s\n' "${key:+sha256:}${key:-none: a CA vouches for the certificate}"
	customers | while read -r name held; do
		printf 'customer %s domains %s mailbox %s/Maildir\n' "$name" "$held" "$(field "$name" 6)"
	done
}

# without prints a list without a word.
without() { printf '%s' "$1" | tr , '\n' | grep -vxF "$2" | paste -sd, -; }

take_down() {
	undo_service
	undo_postfix
	if grep -q "^$marker" $hook 2>/dev/null; then
		rm -f $hook
	fi
	rm -rf $etc /var/log/vodmr.log
	for name in vodmr vodmrlog; do
		! getent passwd $name >/dev/null || userdel $name
	done
	remove_door
	rmdir $mail 2>/dev/null && userdel vodmrmail
	return 0
}

# drop_login removes a mailbox only if nothing waits in it.
drop_login() {
	edit_file $vpasswd print_logins "$1" "" && set_rule "$1" "" || return 1
	if rmdir "$2/Maildir/new" 2>/dev/null; then
		if rmdir "$2/Maildir/cur"; then
			rm -rf "$2"
		else
			mkdir -m 700 "$2/Maildir/new" && chown vodmrmail:vodmrmail "$2/Maildir/new"
		fi
	fi
}

remove() {
	for domain; do
		login=$(owner "$domain")
		if [ -z "$login" ]; then
			say "vodmr-front: no customer here holds $domain"
			continue
		fi
		home=$(field "$login" 6)
		left=$(without "$(domains_of "$login")" "$domain")
		if [ -n "$left" ]; then
			change "take $domain from $login, which keeps $left" set_rule "$login" "$left"
		else
			change "remove the login $login, as $domain is its last domain; mail that waits stays in $home" drop_login "$login" "$home"
		fi
	done
	[ $dry = no ] || return 0
	if [ -n "$(customers)" ]; then
		write_maps
	elif [ $changes -gt 0 ] && ! grep -q '^[^#:].*:allow' $etc/rules; then
		change "take down the front, as no customer is left: service, Postfix's settings, $etc" take_down
	fi
	finish
}

main() {
	action=set_up
	while getopts :hVanlrdp:u: option; do
		case $option in
		h)
			printf '%s\n' "$usage"
			exit 0
			;;
		V)
			vodmr-conf -V | sed 's/vodmr-conf/vodmr-front/'
			exit 0
			;;
		a) any_recipient=yes ;;
		n) dry=yes ;;
		l) action=list ;;
		r) action=renew ;;
		d) action=remove ;;
		p) port=$OPTARG ;;
		u) login=$(printf '%s' "$OPTARG" | tr '[:upper:]' '[:lower:]') && check_login "$login" ;;
		*) misuse "-$OPTARG is unknown, or its value is missing" ;;
		esac
	done
	shift $((OPTIND - 1))
	case $port in
	*[!0-9]*) misuse "-p takes a port, not $port" ;;
	esac
	case $action$# in
	set_up[01]) misuse "give the front's name and a customer's domains" ;;
	list[!0]* | renew0 | renew[!1]* | remove0) misuse "wrong number of arguments" ;;
	esac
	[ "$(id -u)" = 0 ] || fail "only root can set up a front: use sudo"
	one_at_a_time
	map_type=$(postconf -h default_database_type 2>/dev/null)
	lowered=$(printf '%s ' "$@" | tr '[:upper:]' '[:lower:]')
	# shellcheck disable=SC2086 # the words are names, checked each
	$action $lowered
}

case $0 in
*/*) PATH=$(cd "${0%/*}" && pwd):$PATH ;;
esac
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
main "$@"
