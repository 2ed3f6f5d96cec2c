#!/bin/sh
# Atrn-conf sets up the customer's side from a provider's invitation: a file for atrn -f, a
# listener of Postfix that relays for nobody, and a service with a log. It fetches once.
# See atrn-conf(8).
#
# Each step looks first if all is right already, so a second run changes nothing. The
# invitation passes through the shell's own printf and through files of mode 0600.
set -u
LC_ALL=C
export LC_ALL
umask 022
# shellcheck disable=SC3045 # every sh of Debian's knows -c, and others may do without
ulimit -c 0 2>/dev/null

usage="usage: atrn-conf [OPTION...] INVITATION    - reads it from standard input
       atrn-conf [OPTION...] NAME          the provider's, as -l shows it
       atrn-conf -l
       atrn-conf [-n] -d NAME | INVITATION"

# The table of the options, for people, for shells' completion and for the manual page's
# test. A new option also needs its letter in main.
options="options:
  -n             say what would be done, and do nothing
  -P             Postfix here takes the mail
  -s HOST:PORT   the SMTP server that listens there takes the mail
  -l             list the providers
  -d             remove a provider
  -h, --help     print this text
  -V, --version  print the version
see atrn-conf(8)"

exitMisuse=100
exitLater=111

etc=/etc/atrn
unit=/etc/systemd/system/atrn@.service
marker='# Written by atrn-conf.'

dry=no
postfix=no
server=
changes=0
refresh=no
new_key=no

say() { printf '%s\n' "$*" >&2; }

fail() {
	say "atrn-conf: $*"
	exit $exitLater
}

misuse() {
	say "atrn-conf: $*"
	say "$usage"
	say "run atrn-conf --help for its options"
	exit $exitMisuse
}

# change says what it does, does it, and counts it. With -n it only says it.
change() {
	changes=$((changes + 1))
	if [ $dry = yes ]; then
		say "would $1"
		return 0
	fi
	say "atrn-conf: $1"
	what=$1
	shift
	"$@" || fail "that failed ($what): mend what the lines above say and run this again; what is done stays"
}

has_systemd() { [ -d /run/systemd/system ]; }

need() {
	command -v atrn >/dev/null || fail "the program atrn is not in PATH: install it first"
	[ $postfix = no ] || command -v postconf >/dev/null ||
		fail "-P is for Postfix, which is not here: apt-get install postfix, or leave -P out for another mail server"
	[ $postfix = no ] || [ -n "$(postconf -h mail_version 2>/dev/null)" ] ||
		fail "Postfix has no settings yet: run dpkg-reconfigure postfix, and choose \"Internet Site\""
}

# --- The invitation --------------------------------------------------------------------

# account prints LOGIN:SECRET, or LOGIN, of an invitation.
account() {
	rest=${1#*://}
	printf '%s' "${rest%%@*}"
}

login() {
	rest=$(account "$1")
	printf '%s' "${rest%%:*}"
}

# place prints HOST:PORT of an invitation, and host_of the host alone.
place() {
	rest=${1#*://}
	rest=${rest#*@}
	rest=$(printf '%s' "${rest%%[/?]*}" | tr '[:upper:]' '[:lower:]')
	case $rest in
	*:[0-9] | *:[0-9][0-9] | *:[0-9][0-9][0-9] | *:[0-9][0-9][0-9][0-9] | *:[0-9][0-9][0-9][0-9][0-9]) ;;
	*) rest=$rest:366 ;;
	esac
	printf '%s' "$rest"
}

host_of() {
	rest=$(place "$1")
	printf '%s' "${rest%:*}"
}

# stored prints the line of a provider that is set up.
stored() { [ ! -f "$etc/$1.invitation" ] || grep -i '^atrn://' "$etc/$1.invitation"; }

# stored_key prints the key that stands behind the line, if the login is by a key.
stored_key() { [ ! -f "$etc/$1.invitation" ] || sed -n '/^-----BEGIN /,/^-----END /p' "$etc/$1.invitation"; }

names() {
	for file in "$etc"/*.invitation; do
		[ -f "$file" ] || continue
		file=${file##*/}
		echo "${file%.invitation}"
	done
}

# understood has atrn read the invitation, which says what is wrong with it, and prints
# what it holds beside the secret.
understood() { printf '%s\n' "$1" | atrn -n -f -; }

value() { printf '%s\n' "$facts" | sed -n "s/^$1 //p"; }

# is_this tells if a provider that is set up is that of the invitation, with its login. Two
# hosts may have one name, as an IPv6 address has hyphens in the place of its colons.
is_this() {
	old=$(stored "$1")
	[ "$(login "$old")" = "$(login "$invitation")" ] && [ "$(host_of "$old")" = "$(host_of "$invitation")" ]
}

# choose_name calls a provider by its host. A second login there gets a number.
choose_name() {
	host=$(value provider)
	base=$(printf '%s' "${host%:*}" | tr -d '[]' | tr ':' '-' | tr '[:upper:]' '[:lower:]')
	name=$base
	number=1
	while [ -f "$etc/$name.invitation" ] && ! is_this "$name"; do
		number=$((number + 1))
		name=$base-$number
	done
}

# keep_secret completes an invitation without a secret, such as one that only names a new
# domain, by the secret that is here.
keep_secret() {
	case $(account "$invitation") in
	*:?*) return ;;
	esac
	if [ "$(value external)" = yes ]; then
		[ -n "$(stored_key "$name")" ] || new_key=yes
		return
	fi
	[ -f "$etc/$name.invitation" ] ||
		fail "the invitation has no secret: ask the provider for one that has (vodmr-front -r there makes it)"
	[ -z "$(stored_key "$name")" ] ||
		fail "the invitation is for a password, and there is a key here: ask the provider for one that has a secret (vodmr-front -r there makes it)"
	[ "$(place "$(stored "$name")")" = "$(place "$invitation")" ] ||
		fail "the secret here is for $(place "$(stored "$name")"), not for $(place "$invitation"): ask the provider for an invitation that has one (vodmr-front -r there makes it)"
	invitation="atrn://$(account "$(stored "$name")")@${invitation#*@}"
}

# write_invitation writes the line, and behind it the key if the login is by a key. A new
# one is not known to the provider yet, which NAME.asked says.
write_invitation() (
	umask 077
	mkdir -p $etc && chmod 700 $etc || exit 1
	key=
	if [ $new_key = yes ]; then
		rm -f "$etc/$name.key"
		atrn -K "$etc/$name.key" >/dev/null 2>&1 && key=$(cat "$etc/$name.key") && : >"$etc/$name.asked" || exit 1
	elif [ "$(value external)" = yes ]; then
		key=$(stored_key "$name")
	fi
	printf '%s\n' "$invitation" ${key:+"$key"} >"$etc/$name.new" && mv "$etc/$name.new" "$etc/$name.invitation" &&
		rm -f "$etc/$name.key"
)

# ask_provider prints the command for the provider, while that does not know the key.
ask_provider() {
	[ -f "$etc/$name.asked" ] || return 0
	cat >&2 <<-END
		atrn-conf: this machine has a key for the login $(value login) now. Send the provider the next
		line, which is no secret. It is the command to run there:
		  vodmr-front -k $(atrn -n -f "$etc/$name.invitation" | sed -n 's/^key //p') $(value login)
	END
}

# read_argument finds out what the argument is.
read_argument() {
	case $1 in
	-)
		[ ! -t 0 ] || say "Paste the invitation, in one line:"
		IFS= read -r invitation || [ -n "$invitation" ] || fail "standard input is empty: give the invitation there, in one line"
		;;
	*://*) invitation=$1 ;;
	*/* | .*) misuse "$1 is no provider's name: atrn-conf -l lists them" ;;
	*)
		[ -f "$etc/$1.invitation" ] || misuse "$1 is neither an invitation (atrn://...) nor a provider that is set up here (atrn-conf -l)"
		invitation=$(stored "$1")
		;;
	esac
	invitation=$(printf '%s' "$invitation" | tr -d '\r' | sed 's/^[[:space:]]*//; s/[[:space:]]*$//')
	facts=$(understood "$invitation") || exit $exitMisuse
	[ -n "$(value domain)" ] ||
		say "atrn-conf: this invitation names no domain: if it should end in ?domain=... it was cut off, so give it whole"
}

# keep_working copies an invitation that works before another one replaces it: the provider
# keeps a hash of the secret alone.
keep_working() {
	if [ $dry$new_key = nono ] && runs; then
		(umask 077 && cp "$etc/$name.invitation" "$etc/$name.invitation.old") || fail "no copy of $etc/$name.invitation could be made"
	fi
}

take_invitation() {
	read_argument "$1"
	choose_name
	keep_secret
	[ "$new_key$(stored "$name")" = "no$invitation" ] || {
		refresh=yes
		keep_working
		change "write the invitation of $(value provider) into $etc/$name.invitation, for root's eyes only" write_invitation
	}
}

# --- Postfix ---------------------------------------------------------------------------

# listening tells if something here has a port already.
listening() {
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }'
}

# own_listener prints the address of the listener in master.cf that is ours.
own_listener() {
	postconf -P "*/inet/syslog_name" 2>/dev/null | sed -n 's,^\(127\.0\.0\.1:[0-9]*\)/inet/syslog_name = postfix/atrn$,\1,p' | head -n 1
}

# listener_settings are what makes it relay for nobody: the connection comes from this very
# host, which Postfix trusts otherwise. Rules about the client would judge this host. The
# last six are for a standing session with many messages and questions about recipients:
# each refusal counts as an error.
listener_settings() {
	cat <<-END
		syslog_name=postfix/atrn
		mynetworks=
		smtpd_relay_restrictions=reject_unauth_destination
		smtpd_recipient_restrictions=
		smtpd_client_restrictions=
		smtpd_helo_restrictions=
		smtpd_sender_restrictions=
		smtpd_data_restrictions=
		smtpd_end_of_data_restrictions=
		smtpd_etrn_restrictions=reject
		smtpd_sasl_auth_enable=no
		smtpd_tls_security_level=none
		smtpd_milters=
		smtpd_authorized_xclient_hosts=
		smtpd_authorized_xforward_hosts=
		local_header_rewrite_clients=
		disable_vrfy_command=yes
		smtpd_client_event_limit_exceptions=127.0.0.1
		smtpd_junk_command_limit=100000
		smtpd_soft_error_limit=100000
		smtpd_hard_error_limit=100000
		smtpd_error_sleep_time=0
		smtpd_timeout=600
	END
}

make_listener() {
	chroot=$(postconf -Fh smtp/inet/chroot 2>/dev/null)
	postconf -M "$server/inet=$server inet n - ${chroot:-n} - - smtpd" || return 1
	set --
	for setting in $(listener_settings); do
		set -- "$@" "$server/inet/$setting"
	done
	postconf -P "$@"
}

right_listener() {
	wanted=$(for setting in $(listener_settings); do echo "$server/inet/${setting%%=*} = ${setting#*=}"; done | sed 's/ $//' | sort)
	[ "$(postconf -P "$server/inet/*" 2>/dev/null | sed 's/ $//' | sort)" = "$wanted" ]
}

choose_port() {
	server=$(own_listener)
	[ -z "$server" ] || return 0
	port=2525
	while listening $port; do
		port=$((port + 1))
		[ $port -lt 2600 ] || fail "no port from 2525 to 2599 is free on this machine: give a listener of your own with -s"
	done
	server=127.0.0.1:$port
}

# listed tells if one of Postfix's lists of its own domains, with their maps, has a domain.
listed() {
	for list in mydestination virtual_mailbox_domains virtual_alias_domains relay_domains; do
		for word in $(postconf -xh $list | tr ',' ' '); do
			case $word in
			"$1") return 0 ;;
			*:/*) [ -z "$(postmap -q "$1" "$word" 2>/dev/null)" ] || return 0 ;;
			/*) ! grep -qxF "$1" "$word" 2>/dev/null || return 0 ;;
			esac
		done
	done
	return 1
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

add_domains() {
	keep_old mydestination
	destinations=$(postconf -h mydestination)
	for domain; do
		destinations="${destinations:+$destinations, }$domain"
	done
	postconf -e "mydestination=$destinations" && printf '%s\n' "$@" >>$etc/postfix.added
}

postfix_domains() {
	set --
	for domain in $(value domain); do
		listed "$domain" || set -- "$@" "$domain"
	done
	[ $# -eq 0 ] || change "add $* to Postfix's mydestination, so that users of this machine get the mail" add_domains "$@"
}

start_postfix() { if has_systemd; then systemctl start postfix; else postfix start >/dev/null 2>&1; fi; }

postfix_customer() {
	before_all=$changes
	choose_port
	right_listener || change "add a listener at $server to Postfix's master.cf, which relays for nobody" make_listener
	postfix_domains
	if ! postfix status >/dev/null 2>&1; then
		change "start Postfix" start_postfix
	elif [ $changes -gt $before_all ]; then
		change "reload Postfix" postfix reload
	fi
}

# recipe is for a mail server that this program does not set up.
recipe() {
	cat >&2 <<-END
		atrn-conf: who takes the mail here? It needs a listener of its own that relays for nobody,
		since the mail comes from this very host, which your mail server trusts.
		  Postfix:       atrn-conf -P $name   makes it, and adds the domains to mydestination
		                 if Postfix does not know them.
		  Another one:   make a listener at 127.0.0.1, port 2525, that takes mail for
		                 $(value domain | tr '\n' ' ')and refuses all else: no trusted networks, no AUTH.
		                 INSTALL has it for Exim, OpenSMTPD and sendmail. Then:
		                 atrn-conf -s 127.0.0.1:2525 $name
		  qmail:         atrn runs qmail-smtpd itself. Write
		                 ATRN_OPTIONS=setuidgid qmaild /var/qmail/bin/qmail-smtpd
		                 into $etc/$name.env, and run  atrn-conf $name
	END
}

# words prints a list of Postfix's, a word a line.
words() { printf '%s\n' "$1" | tr ',' ' ' | tr ' ' '\n' | grep . || :; }

# undo_domain takes a domain that was added here out of mydestination. If the list is what
# it was before then, it is put back as it stood.
undo_domain() {
	grep -qxF "$1" $etc/postfix.added 2>/dev/null || return 0
	left=$(words "$(postconf -h mydestination)" | grep -vxF "$1")
	kept=$(sed -n 's/^mydestination = //p' $etc/postfix.old)
	if grep -qx mydestination $etc/postfix.old && [ "$left" = "$(words "$(postconf -dh mydestination)")" ]; then
		postconf -X mydestination
	elif [ "$left" = "$(words "$kept")" ]; then
		postconf -e "mydestination=$kept"
	else
		postconf -e "mydestination=$(printf '%s' "$left" | paste -sd, - | sed 's/,/, /g')"
	fi
	others=$(grep -vxF "$1" $etc/postfix.added)
	printf '%s' "${others:+$others
}" >$etc/postfix.added
}

# undo_old_domains takes out the domains that the invitation before had, and none has now.
undo_old_domains() {
	# shellcheck disable=SC2013 # one word a line
	for domain in $(cat $etc/postfix.added 2>/dev/null); do
		if value domain | grep -qxF "$domain" || elsewhere "$domain"; then continue; fi
		change "take $domain out of Postfix's mydestination, as no invitation has it any more" undo_domain "$domain"
		[ $dry = yes ] || postfix reload >/dev/null 2>&1
	done
}

undo_postfix() {
	command -v postconf >/dev/null || return 0
	# shellcheck disable=SC2013 # one word a line
	for domain in $(cat $etc/postfix.added 2>/dev/null); do
		elsewhere "$domain" || undo_domain "$domain"
	done
	if ! names | grep -qvxF "$name"; then
		own=$(own_listener)
		[ -z "$own" ] || postconf -MX "$own/inet"
	fi
	! postfix status >/dev/null 2>&1 || postfix reload >/dev/null 2>&1
	[ -z "${own:-}" ] || rm -f "$(postconf -h queue_directory)/pid/inet.$own" # Postfix leaves it behind
}

# elsewhere tells if another provider here has a domain too.
elsewhere() {
	for other in $(names); do
		[ "$other" != "$name" ] || continue
		! atrn -n -f "$etc/$other.invitation" | grep -qx "domain $1" || return 0
	done
	return 1
}

# --- Supervisors -----------------------------------------------------------------------

# These lines are the same in vodmr-front and in atrn-conf, and in what their packages run
# before they are removed. They go by what runs, whichever of daemontools, runit and s6 are
# installed. A link belongs into the folder that svscan, runsvdir or s6-svscan looks at. A
# service is supervised if supervise, runsv or s6-supervise works in its folder. All of them
# take the same letters from supervise/control: t ends the service, which starts again; d
# ends it for good; x ends its supervisor then.

# processes prints the folders in /proc, and the names, of root's processes whose name matches.
# A process with another root folder is in a container.
processes() {
	root=$(stat -Lc %d:%i /)
	grep -HxE "$1" /proc/[0-9]*/comm 2>/dev/null | while IFS=: read -r process comm; do
		process=${process%/comm}
		[ "$(stat -c %u "$process") $(stat -Lc %d:%i "$process/root")" != "0 $root" ] || echo "$process $comm"
	done 2>/dev/null
}

# scanned prints the folders of services that are looked at. svscan and s6-svscan work in
# theirs, and runsvdir has it behind its options: it is there only while it looks, and the
# name is relative to where it is otherwise. A child of it has its name for a moment.
scanned() {
	processes 'svscan|runsvdir|s6-svscan' | while read -r process comm; do
		folder=.
		[ "$comm" != runsvdir ] || folder=$(tr '\0' '\n' <"$process/cmdline" | sed 1d | grep -v '^-' | head -n 1)
		(cd "$process/cwd" && { cd "$folder" || [ "${folder#/}" = "$folder" ]; } && grep -qx "$comm" "$process/comm" && pwd -P)
	done 2>/dev/null
}

# supervised prints a line for each supervisor of a service or of its log.
supervised() {
	there=$(cd "$1" 2>/dev/null && pwd -P) || return 0
	processes 'supervise|runsv|s6-supervise' | while read -r process comm; do
		case $(readlink "$process/cwd") in "$there" | "$there/log") echo "$comm" ;; esac
	done
}

# supervisable tells if something supervises a service or could.
supervisable() { [ -n "$(scanned)$(supervised "$1")" ]; }

# links prints the links to a service in folders, whose names it reads.
links() {
	there=$(cd "$1" 2>/dev/null && pwd -P) || return 0
	while IFS= read -r folder; do
		for link in "$folder"/*; do
			[ ! -L "$link" ] || [ "$(readlink -f "$link")" != "$there" ] || printf '%s\n' "$link"
		done
	done
}

# link_of prints where the link to a service is or, if there is none, where it belongs, if
# anything looks for links. The second argument is its name.
link_of() {
	link=$(scanned | links "$1" | head -n 1)
	folder=$(scanned | head -n 1)
	printf '%s' "${link:-${folder:+$folder/$2}}"
}

# works_in tells if a process works in a folder. A number that was noted may be another process's.
works_in() { there=$(cd "$2" 2>/dev/null && pwd -P) && [ "$(readlink "/proc/$1/cwd")" = "$there" ]; }

# must_link tells if a service has no supervisor now, or would have none after a boot. ln
# would put the link into a folder that has its name.
must_link() {
	[ ! -e "$2" ] || [ -n "$(dirname "$2" | links "$1")" ] ||
		fail "$2 is there already, and no link to $1: move it away, and run this again"
	[ -z "$(supervised "$1")" ] || { [ -n "$2" ] && [ ! -L "$2" ]; }
}

# lasting says how long a link lasts.
lasting() {
	case $1 in
	/run/*) echo "now; after a boot link it again, as ${1%/*} is in memory" ;;
	*) echo "now and at each boot" ;;
	esac
}

# send_letters gives letters to a supervisor. If none reads them they are lost.
send_letters() { [ ! -p "$1/control" ] || printf '%s' "$2" 1<>"$1/control"; }

restart_supervised() { send_letters "$1/supervise" t; }

# restart_command prints what a person would type for that.
restart_command() {
	case $(processes 'svscan|runsvdir|s6-svscan' | head -n 1) in
	*" svscan") echo "svc -t $1" ;;
	*" runsvdir") echo "sv term $1" ;;
	*" s6-svscan") echo "s6-svc -t $1" ;;
	esac
}

# link_service links a service. s6-svscan looks when it is asked to.
link_service() {
	[ -L "$2" ] || ln -s "$1" "$2" || return 1
	send_letters "${2%/*}/.s6-svscan" a
}

# await_supervisor waits until a service is supervised. svscan and runsvdir look every five
# seconds.
await_supervisor() {
	[ $dry = no ] || return 0
	tries=0
	while [ -z "$(supervised "$1")" ]; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || fail "half a minute after it was linked nothing supervises $1: see what svscan, runsvdir or s6-svscan says, and run this again"
		sleep 0.1
	done
}

# unlink_service ends a service with its log and its supervisors, and waits for that: what is
# in flight is still answered.
unlink_service() {
	{ scanned || :; printf '%s\n' /etc/service /service /var/service; } | links "$1" | while IFS= read -r link; do
		rm -f "$link"
		send_letters "${link%/*}/.s6-svscan" a
	done
	send_letters "$1/supervise" dx
	send_letters "$1/log/supervise" dx
	tries=0
	while [ -n "$(supervised "$1")" ] && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
}

# --- The service -----------------------------------------------------------------------

# how_to_restart prints the command for this machine.
how_to_restart() {
	typed=$(restart_command "$etc/$name")
	if has_systemd; then
		typed="systemctl restart atrn@$name"
	fi
	printf '%s' "${typed:-kill \$(cat $(pidfile)); atrn-conf $name}"
}

write_env() {
	printf '%s\n' "$marker" "# What atrn gets beside the invitation. After a change: $(how_to_restart)" \
		"ATRN_OPTIONS=$1" >"$etc/$name.env"
}

options() { sed -n 's/^ATRN_OPTIONS=//p' "$etc/$name.env" 2>/dev/null; }

write_unit() {
	cat >$unit <<-END
		$marker
		[Unit]
		Description=On-demand mail relay: fetch the mail that waits at %i
		Documentation=man:atrn(1) man:atrn-conf(8)
		Wants=network-online.target
		After=network-online.target nss-lookup.target
		StartLimitIntervalSec=0

		[Service]
		LoadCredential=invitation:$etc/%i.invitation
		EnvironmentFile=$etc/%i.env
		ExecStart=$(command -v atrn) -f invitation -i \$ATRN_OPTIONS
		Restart=always
		RestartSec=5
		RestartPreventExitStatus=100
		SyslogIdentifier=atrn
		TimeoutStopSec=60
		LimitCORE=0
		UMask=0077
		DynamicUser=yes
		CapabilityBoundingSet=
		NoNewPrivileges=yes
		ProtectSystem=strict
		ProtectHome=yes
		PrivateDevices=yes
		PrivateTmp=yes
		ProtectKernelTunables=yes
		ProtectControlGroups=yes
		MemoryDenyWriteExecute=yes
		RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX

		[Install]
		WantedBy=multi-user.target
	END
	systemctl daemon-reload
}

under_systemd() {
	systemctl cat "atrn@$name.service" >/dev/null 2>&1 || change "write the unit $unit" write_unit
	if ! systemctl -q is-enabled "atrn@$name.service" 2>/dev/null || ! systemctl -q is-active "atrn@$name.service" 2>/dev/null; then
		first_fetch
		change "start atrn@$name.service, now and at each boot" systemctl -q enable --now "atrn@$name.service"
	elif [ $refresh = yes ]; then
		fetch_by_new
		change "restart atrn@$name.service" systemctl restart "atrn@$name.service"
	fi
}

# write_service makes a service folder. The run script opens the invitation as root, and atrn,
# which reads it, is not root any more.
write_service() {
	make_accounts || return 1
	mkdir -p "$etc/$name/log/main" && chmod 1755 "$etc/$name" && chown atrnlog "$etc/$name/log/main" || return 1
	cat >"$etc/$name/run" <<-END || return 1
		#!/bin/sh
		$marker
		# Fetches the mail that waits at $name. The options are in $etc/$name.env.
		exec 2>&1
		ATRN_OPTIONS=\$(sed -n 's/^ATRN_OPTIONS=//p' '$etc/$name.env')
		for as in "setuidgid atrn" "s6-setuidgid atrn" "chpst -u atrn" "setpriv --reuid atrn --regid atrn --clear-groups"; do
		  command -v "\${as%% *}" >/dev/null && break
		done
		set -f
		exec \$as '$(command -v atrn)' -f - -i \$ATRN_OPTIONS <'$etc/$name.invitation'
	END
	cat >"$etc/$name/log/run" <<-END || return 1
		#!/bin/sh
		$marker
		if command -v multilog >/dev/null; then
		  exec setuidgid atrnlog multilog t s1000000 n10 ./main
		elif command -v s6-log >/dev/null; then
		  exec s6-setuidgid atrnlog s6-log t s1000000 n10 ./main
		fi
		exec chpst -u atrnlog svlogd -tt ./main
	END
	chmod 755 "$etc/$name/run" "$etc/$name/log/run"
}

# make_account knows busybox's programs too.
make_account() {
	if command -v useradd >/dev/null; then
		useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$1"
	else
		addgroup -S "$1" && adduser -S -D -H -h /nonexistent -s /sbin/nologin -G "$1" "$1"
	fi
}

remove_account() { if command -v userdel >/dev/null; then userdel "$1"; else deluser "$1"; fi; }

make_accounts() {
	for user in atrn atrnlog; do
		id -u $user >/dev/null 2>&1 || make_account $user || return 1
	done
}

under_svscan() {
	link=$(link_of "$etc/$name" "atrn-$name")
	if must_link "$etc/$name" "$link"; then
		! alive || change "end what was started without a supervisor" end_alone
		first_fetch
		change "link $etc/$name as $link, so that it runs $(lasting "$link")" link_service "$etc/$name" "$link"
		await_supervisor "$etc/$name"
	elif [ $refresh = yes ]; then
		fetch_by_new
		change "restart ${link:-$etc/$name}" restart_supervised "$etc/$name"
	fi
}

pidfile() { echo "/run/atrn-$name.pid"; }

alive() { [ -f "$(pidfile)" ] && works_in "$(cat "$(pidfile)")" "$etc/$name"; }

start_alone() {
	(cd "$etc/$name" && exec setsid ./run >>"/var/log/atrn-$name.log" 2>&1 </dev/null 9>&-) &
	echo $! >"$(pidfile)"
	say "atrn-conf: nothing here starts services (neither systemd nor svscan), so this one ends with the machine: have $etc/$name/run started at boot"
}

end_alone() {
	end "$(cat "$(pidfile)")"
	rm -f "$(pidfile)"
}

restart_alone() {
	end_alone
	start_alone
}

alone() {
	if ! alive; then
		first_fetch
		change "start $etc/$name/run; its log is /var/log/atrn-$name.log" start_alone
	elif [ $refresh = yes ]; then
		fetch_by_new
		change "restart $etc/$name/run" restart_alone
	fi
}

service() {
	if has_systemd; then
		under_systemd
		return
	fi
	[ -x "$etc/$name/run" ] || change "make the service folder $etc/$name" write_service
	if supervisable "$etc/$name"; then
		under_svscan
	else
		alone
	fi
}

# first_fetch shows if all works, with what has waited until now.
first_fetch() {
	[ $dry = no ] || return 0
	say "atrn-conf: fetch once, to see that all works:"
	for as_nobody in "setuidgid nobody" "s6-setuidgid nobody" "chpst -u nobody" "setpriv --reuid 65534 --regid 65534 --clear-groups" ""; do
		! command -v "${as_nobody%% *}" >/dev/null || break
	done
	case $(options) in
	-*) ;;
	*) as_nobody= ;; # a program that may need root to become another
	esac
	# shellcheck disable=SC2046,SC2086 # words of a command line
	said=$($as_nobody atrn -f - -w 1 $(options) <"$etc/$name.invitation" 2>&1)
	fetched=$?
	say "$said"
	if [ $fetched -eq 0 ] || is_busy "$said"; then
		rm -f "$etc/$name.invitation.old"
		return
	fi
	if [ -f "$etc/$name.invitation.old" ]; then
		mv "$etc/$name.invitation.old" "$etc/$name.invitation"
		fail "the invitation that was here before is back, and the service goes on with it: mend what atrn says above, then give the new one again"
	fi
	fail "the service is not started yet: mend what atrn says above, then run  atrn-conf $name  (or, if this was a wrong invitation, atrn-conf -d $name)"
}

# is_busy tells if all was right, but the session of the service that runs had the mailbox.
is_busy() {
	[ -f "$etc/$name.invitation.old" ] || return 1
	case $1 in *"another session of this mailbox is under way"*) ;; *) return 1 ;; esac
}

# fetch_by_new tries a new invitation before the service, which runs, gets it.
fetch_by_new() { [ ! -f "$etc/$name.invitation.old" ] || first_fetch; }

# runs tells if the service runs.
runs() {
	if has_systemd; then
		systemctl -q is-active "atrn@$name.service" 2>/dev/null
	else
		alive || [ -n "$(supervised "$etc/$name")" ]
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
		systemctl -q disable --now "atrn@$name.service" 2>/dev/null
	fi
	unlink_service "$etc/$name"
	! alive || end_alone
	rm -f "$(pidfile)" "/var/log/atrn-$name.log"
}

# --- The commands ----------------------------------------------------------------------

finish() {
	if [ $changes -eq 0 ]; then
		say "atrn-conf: nothing to change"
	elif [ $dry = yes ]; then
		say "atrn-conf: nothing was changed (-n)"
	else
		say "atrn-conf: $1"
	fi
}

log_place() {
	if has_systemd; then
		echo "journalctl -u atrn@$name"
	elif supervisable "$etc/$name"; then
		echo "$etc/$name/log/main/current"
	else
		echo "/var/log/atrn-$name.log"
	fi
}

set_up() {
	need
	take_invitation "$1"
	if [ $postfix = yes ]; then
		postfix_customer
	fi
	if [ -z "$server" ] && [ -z "$(options)" ]; then
		ask_provider
		recipe
		exit 0
	fi
	if [ -n "$server" ] && [ "$(options)" != "-s $server" ]; then
		refresh=yes
		change "write  -s $server  into $etc/$name.env" write_env "-s $server"
	fi
	if [ $new_key = yes ]; then
		ask_provider
		finish "when the provider has run it, run here  atrn-conf $name"
		return
	fi
	[ ! -f "$etc/$name.asked" ] || refresh=yes
	service
	[ $dry = yes ] || rm -f "$etc/$name.asked"
	[ $postfix = no ] || undo_old_domains
	finish "mail of $(value provider) comes to this machine as soon as it is there; the log: $(log_place)"
}

list() {
	for name in $(names); do
		facts=$(atrn -n -f "$etc/$name.invitation") || continue
		printf 'provider %s login %s domains %s options %s\n' "$name" "$(value login)" \
			"$(value domain | paste -sd, -)" "$(options)"
	done
}

take_down() {
	undo_service
	undo_postfix
	rm -rf "${etc:?}/$name" "$etc/$name.invitation" "$etc/$name.invitation.old" "$etc/$name.env" "$etc/$name.asked"
	[ -z "$(names)" ] || return 0
	if grep -q "^$marker" $unit 2>/dev/null; then
		rm -f $unit
		systemctl daemon-reload
	fi
	for user in atrn atrnlog; do
		! id -u $user >/dev/null 2>&1 || remove_account $user
	done
	rm -rf $etc
}

remove() {
	case $1 in
	- | *://*)
		read_argument "$1"
		choose_name
		;;
	*/* | .*) misuse "$1 is no provider's name: atrn-conf -l lists them" ;;
	*) name=$1 ;;
	esac
	[ -f "$etc/$name.invitation" ] || fail "there is no provider $name here: atrn-conf -l lists them"
	facts=$(atrn -n -f "$etc/$name.invitation")
	change "remove the service and the invitation of $name, and what was added to Postfix for it" take_down
	finish "mail that waits at $name stays there"
}

one_at_a_time() {
	if [ $dry = yes ] || ! command -v flock >/dev/null; then return 0; fi
	exec 9<"$0"
	flock -n 9 || fail "another atrn-conf runs: wait for its end"
}

answer() {
	case $1 in
	help) printf '%s\n' "$usage" "$options" ;;
	version) atrn -V | sed 's/atrn/atrn-conf/' ;;
	*) misuse "--$1 is unknown" ;;
	esac
	exit 0
}

main() {
	action=set_up
	word=
	count=0
	while [ $# -gt 0 ]; do
		case $1 in
		-?*) ;;
		*)
			word=$1
			count=$((count + 1))
			shift
			continue
			;;
		esac
		read_options "$@"
		shift $((OPTIND - 1))
	done
	[ $postfix = no ] || [ -z "$server" ] || misuse "-P makes the listener, and -s names one: give one of them"
	case $action$count in
	list0 | set_up1 | remove1) ;;
	*) misuse "give one invitation, or - for standard input" ;;
	esac
	[ "$(id -u)" = 0 ] || fail "only root can set this up: use sudo"
	one_at_a_time
	if [ $count = 1 ]; then
		$action "$word"
	else
		$action
	fi
}

# read_options takes the options up to the next other word.
read_options() {
	OPTIND=1
	while getopts :hVnlds:P-: option; do
		case $option in
		h) answer help ;;
		V) answer version ;;
		-) answer "$OPTARG" ;;
		n) dry=yes ;;
		l) action=list ;;
		d) action=remove ;;
		s) server=$OPTARG ;;
		P) postfix=yes ;;
		*) misuse "-$OPTARG is unknown, or its value is missing" ;;
		esac
	done
}

case $0 in
*/*) PATH=$(cd "${0%/*}" && pwd):$PATH ;;
esac
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
main "$@"
