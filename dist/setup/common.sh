# Both set-up programs begin with these lines. Their own follow: $program, $usage, $options
# and so on, and the functions read_options and main.
#
# Each step looks first if all is right already, so a second run changes nothing. Secrets
# pass through pipes, files of mode 0600 and the shell's own printf: an argument of a program
# could be seen.
set -u
LC_ALL=C
export LC_ALL
umask 022
# shellcheck disable=SC3045 # every sh of Debian's knows -c, and others may do without
ulimit -c 0 2>/dev/null

marker="# Written by $program."

dry=no
changes=0

say() { printf '%s\n' "$*" >&2; }

note() { say "$program: $*"; }

fail() {
	note "$*"
	exit $exitLater
}

misuse() {
	note "$*"
	say "$usage"
	say "run $program --help for its options"
	exit $exitMisuse
}

# change says what it does, does it, and counts it. With -n it only says it.
change() {
	changes=$((changes + 1))
	if [ $dry = yes ]; then
		say "would $1"
		return 0
	fi
	note "$1"
	what=$1
	shift
	"$@" || fail "that failed ($what): mend what the lines above say and run this again; what is done stays"
}

# finish says it if nothing was changed, and what it is given if there is anything.
finish() {
	if [ $changes -eq 0 ]; then
		note "nothing to change"
	elif [ $dry = yes ]; then
		note "nothing was changed (-n)"
	elif [ -n "$1" ]; then
		note "$1"
	fi
}

one_at_a_time() {
	if [ $dry = yes ] || ! command -v flock >/dev/null; then return 0; fi
	exec 9<"$0"
	flock -n 9 || fail "another $program runs: wait for its end"
}

# answer is for the long options, whose answer ends the program. $sibling knows the version.
answer() {
	case $1 in
	help) printf '%s\n' "$usage" "$options" ;;
	version) "$sibling" -V | sed "s/$sibling/$program/" ;;
	*) misuse "--$1 is unknown" ;;
	esac
	exit 0
}

# read_arguments takes options and words in any order. read_options takes the options up to
# the next word.
read_arguments() {
	words=
	count=0
	while [ $# -gt 0 ]; do
		case $1 in
		-?*)
			OPTIND=1
			read_options "$@"
			shift $((OPTIND - 1))
			;;
		*)
			words=$words${words:+ }$1
			count=$((count + 1))
			shift
			;;
		esac
	done
}

# run_main finds this program's neighbours first.
run_main() {
	case $0 in
	*/*) PATH=$(cd "${0%/*}" && pwd):$PATH ;;
	esac
	PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	export PATH
	main "$@"
}

# --- Postfix's settings ----------------------------------------------------------------

postfix_runs() { postfix status >/dev/null 2>&1; }

start_postfix() { if has_systemd; then systemctl start postfix; else postfix start >/dev/null 2>&1; fi; }

reload_postfix() { ! postfix_runs || postfix reload >/dev/null 2>&1; }

# wake_postfix starts it, or has it read its settings if there were fewer changes before.
wake_postfix() {
	if ! postfix_runs; then
		change "start Postfix" start_postfix
	elif [ $changes -gt "$1" ]; then
		change "reload Postfix" postfix reload
	fi
}

# listed tells if a list of Postfix's, with its maps, has a domain. Our own maps do not count.
listed() {
	for word in $(postconf -xh "$1" | tr ',' ' '); do
		case $word in
		"$2") return 0 ;;
		*:*"$etc/postfix"/*) ;;
		*:/*) [ -z "$(postmap -q "$2" "$word" 2>/dev/null)" ] || return 0 ;;
		/*) ! grep -qxF "$2" "$word" 2>/dev/null || return 0 ;;
		esac
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

# words prints a list of Postfix's, a word a line.
words() { printf '%s\n' "$1" | tr ',' ' ' | tr ' ' '\n' | grep . || :; }

# put_back sets a parameter to what is left of it without our part. If that is what it was
# before, it gets its old text, or leaves main.cf.
put_back() {
	left=$(words "$2")
	kept=$(sed -n "s/^$1 = //p" $etc/postfix.old 2>/dev/null)
	if [ "$left" = "$(words "$(postconf -dh "$1")")" ] && grep -qx "$1" $etc/postfix.old 2>/dev/null; then
		postconf -X "$1"
	elif [ "$left" = "$(words "$kept")" ]; then
		postconf -e "$1=$kept"
	else
		postconf -e "$1=$2"
	fi
}

# --- The service -----------------------------------------------------------------------

# A program says what its service is: $service is its folder, $systemd_name its unit, and
# $pidfile and $plain_log are for a machine that supervises nothing.

has_systemd() { [ -d /run/systemd/system ]; }

# stands tells if a unit runs, now and after a boot.
stands() { systemctl -q is-enabled "$1" 2>/dev/null && systemctl -q is-active "$1" 2>/dev/null; }

# is_ours tells if this program wrote a file.
is_ours() { grep -q "^$marker" "$1" 2>/dev/null; }

# make_account makes one with such a home. It knows busybox's programs too.
make_account() {
	if command -v useradd >/dev/null; then
		useradd --system --user-group --no-create-home --home-dir "$2" --shell /usr/sbin/nologin "$1"
	else
		addgroup -S "$1" && adduser -S -D -H -h "$2" -s /sbin/nologin -G "$1" "$1"
	fi
}

# link_for links a service as a supervisor wants it.
link_for() { change "link $1 as $2, so that it runs $(lasting "$2")" link_service "$1" "$2"; }

# await_supervisor waits until a service is supervised. svscan and runsvdir look every five
# seconds.
await_supervisor() {
	[ $dry = yes ] || try_until 300 0.1 is_supervised "$1" ||
		fail "half a minute after it was linked nothing supervises $1: see what svscan, runsvdir or s6-svscan says, and run this again"
}

alive() { [ -f "$pidfile" ] && works_in "$(cat "$pidfile")" "$service"; }

start_alone() {
	(cd "$service" && exec setsid ./run >>"$plain_log" 2>&1 </dev/null 9>&-) &
	echo $! >"$pidfile"
	note "nothing here starts services (neither systemd nor svscan), so this one ends with the machine: have $service/run started at boot"
}

# end_alone ends the process with its children, and waits for its end: what is in flight is
# still answered. It leads a group of its own (setsid).
end_alone() {
	kill -TERM "-$(cat "$pidfile")"
	try_until 100 0.1 is_dead
	rm -f "$pidfile"
}

is_dead() { ! alive; }

end_before_link() { ! alive || change "end what was started without a supervisor" end_alone; }

# end_service ends a service that systemd does not have.
end_service() {
	unlink_service "$service"
	! alive || end_alone
	rm -f "$pidfile" "$plain_log"
}

# how_to_restart prints the command for this machine. $after_kill is what a kill needs then.
how_to_restart() {
	typed=$(restart_command "$service")
	if has_systemd; then
		typed="systemctl restart $systemd_name"
	fi
	printf '%s' "${typed:-kill \$(cat $pidfile)$after_kill}"
}

log_place() {
	if has_systemd; then
		echo "journalctl -u $systemd_name"
	elif supervisable "$service"; then
		echo "$service/log/main/current"
	else
		echo "$plain_log"
	fi
}
