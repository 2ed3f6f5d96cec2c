#!/bin/sh
# Atrn-conf sets up the customer's side from a provider's invitation: a file for atrn -f, a
# listener of Postfix that relays for nobody, and a service with a log. It fetches once.
# See atrn-conf(8).
program=atrn-conf
sibling=atrn
. "${0%/*}/../../dist/setup/common.sh"
. "${0%/*}/../../dist/setup/supervisors.sh"

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

postfix=no
server=
refresh=no
new_key=no

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
	called "$name"
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
	# atrn says what is wrong with it, or prints what it holds beside the secret.
	facts=$(printf '%s\n' "$invitation" | atrn -n -f -) || exit $exitMisuse
	[ -n "$(value domain)" ] ||
		note "this invitation names no domain: if it should end in ?domain=... it was cut off, so give it whole"
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

# is_known tells if one of Postfix's lists of its own domains has a domain.
is_known() {
	for list in mydestination virtual_mailbox_domains virtual_alias_domains relay_domains; do
		! listed $list "$1" || return 0
	done
	return 1
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
		is_known "$domain" || set -- "$@" "$domain"
	done
	[ $# -eq 0 ] || change "add $* to Postfix's mydestination, so that users of this machine get the mail" add_domains "$@"
}

postfix_customer() {
	before_all=$changes
	choose_port
	right_listener || change "add a listener at $server to Postfix's master.cf, which relays for nobody" make_listener
	postfix_domains
	wake_postfix "$before_all"
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

# undo_domain takes a domain that was added here out of mydestination.
undo_domain() {
	grep -qxF "$1" $etc/postfix.added 2>/dev/null || return 0
	left=$(words "$(postconf -h mydestination)" | grep -vxF "$1")
	put_back mydestination "$(printf '%s' "$left" | paste -sd, - | sed 's/,/, /g')"
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
		[ $dry = yes ] || reload_postfix
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
	reload_postfix
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

# --- The service -----------------------------------------------------------------------

# called sets the name of a provider here, and with it what its service is.
called() {
	name=$1
	service=$etc/$1
	systemd_name=atrn@$name
	plain_log=/var/log/atrn-$name.log
	pidfile=/run/atrn-$name.pid
	after_kill="; atrn-conf $name"
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
	systemctl cat "$systemd_name.service" >/dev/null 2>&1 || change "write the unit $unit" write_unit
	if ! stands "$systemd_name.service"; then
		first_fetch
		change "start $systemd_name.service, now and at each boot" systemctl -q enable --now "$systemd_name.service"
	elif [ $refresh = yes ]; then
		fetch_by_new
		change "restart $systemd_name.service" systemctl restart "$systemd_name.service"
	fi
}

# write_service makes a service folder. The run script opens the invitation as root, and atrn,
# which reads it, is not root any more.
write_service() {
	for user in atrn atrnlog; do
		id -u $user >/dev/null 2>&1 || make_account $user /nonexistent || return 1
	done
	mkdir -p "$service/log/main" && chmod 1755 "$service" && chown atrnlog "$service/log/main" || return 1
	cat >"$service/run" <<-END || return 1
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
	cat >"$service/log/run" <<-END || return 1
		#!/bin/sh
		$marker
		if command -v multilog >/dev/null; then
		  exec setuidgid atrnlog multilog t s1000000 n10 ./main
		elif command -v s6-log >/dev/null; then
		  exec s6-setuidgid atrnlog s6-log t s1000000 n10 ./main
		fi
		exec chpst -u atrnlog svlogd -tt ./main
	END
	chmod 755 "$service/run" "$service/log/run"
}

remove_account() { if command -v userdel >/dev/null; then userdel "$1"; else deluser "$1"; fi; }

under_svscan() {
	link=$(link_of "$service" "atrn-$name")
	if must_link "$service" "$link"; then
		end_before_link
		first_fetch
		link_for "$service" "$link"
		await_supervisor "$service"
	elif [ $refresh = yes ]; then
		fetch_by_new
		change "restart ${link:-$etc/$name}" restart_supervised "$service"
	fi
}

restart_alone() {
	end_alone
	start_alone
}

alone() {
	if ! alive; then
		first_fetch
		change "start $service/run; its log is $plain_log" start_alone
	elif [ $refresh = yes ]; then
		fetch_by_new
		change "restart $service/run" restart_alone
	fi
}

run_service() {
	if has_systemd; then
		under_systemd
		return
	fi
	[ -x "$service/run" ] || change "make the service folder $service" write_service
	if supervisable "$service"; then
		under_svscan
	else
		alone
	fi
}

# first_fetch shows if all works, with what has waited until now.
first_fetch() {
	[ $dry = no ] || return 0
	note "fetch once, to see that all works:"
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
		systemctl -q is-active "$systemd_name.service" 2>/dev/null
	else
		alive || is_supervised "$service"
	fi
}

undo_service() {
	if has_systemd; then
		systemctl -q disable --now "$systemd_name.service" 2>/dev/null
	fi
	end_service
}

# --- The commands ----------------------------------------------------------------------

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
	run_service
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
	if is_ours $unit; then
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
	*) called "$1" ;;
	esac
	[ -f "$etc/$name.invitation" ] || fail "there is no provider $name here: atrn-conf -l lists them"
	facts=$(atrn -n -f "$etc/$name.invitation")
	change "remove the service and the invitation of $name, and what was added to Postfix for it" take_down
	finish "mail that waits at $name stays there"
}

main() {
	action=set_up
	read_arguments "$@"
	[ $postfix = no ] || [ -z "$server" ] || misuse "-P makes the listener, and -s names one: give one of them"
	case $action$count in
	list0 | set_up1 | remove1) ;;
	*) misuse "give one invitation, or - for standard input" ;;
	esac
	[ "$(id -u)" = 0 ] || fail "only root can set this up: use sudo"
	one_at_a_time
	$action "$words"
}

# read_options takes the options up to the next other word.
read_options() {
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

run_main "$@"
