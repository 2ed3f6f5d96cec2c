# --- Supervisors -----------------------------------------------------------------------

# Both set-up programs have these functions, and so has what their packages run before they
# are removed. They go by what runs, whichever of daemontools, runit and s6 are installed. A
# link belongs into the folder that svscan, runsvdir or s6-svscan looks at. A service is
# supervised if supervise, runsv or s6-supervise works in its folder. All of them take the
# same letters from supervise/control: t ends the service, which starts again; d ends it for
# good; x ends its supervisor then.

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

is_supervised() { [ -n "$(supervised "$1")" ]; }

is_unsupervised() { ! is_supervised "$1"; }

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

# must_link tells if a service has no supervisor now, or would have none after a boot.
must_link() { is_unsupervised "$1" || { [ -n "$2" ] && [ ! -L "$2" ]; }; }

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

# try_until runs a command until it succeeds: so many times at most, with so many seconds between.
try_until() {
	tries=$1
	pause=$2
	shift 2
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep "$pause"
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
	try_until 100 0.1 is_unsupervised "$1" || :
}
