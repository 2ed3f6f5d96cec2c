package integration

import (
	"path/filepath"
	"testing"
)

var sendmailPeer = &peer{
	name:       "sendmail",
	modes:      []mode{pipelined, lockStep},
	exceptions: map[string]exception{"no-header": endsHeader, "header-from-line": endsHeader, "header-only": noBody},
	start: func(t *testing.T, domain string) *running {
		r := newInstalled(t)
		r.port = freePort(t)
		r.file(t, "keep", readFile(t, "../standin/peers/keep"), 0o755)
		installed.mkdir(t, filepath.Join(r.dir, "queue"), 0o700)
		r.file(t, "sendmail.mc", sendmailMC, 0o644)
		r.onPort(t, r.asInstalled(t, "sendmail-bin", "sh", r.file(t, "run", sendmailRun, 0o755)))
		r.idle = func() bool { return emptyTree(filepath.Join(r.dir, "queue")) }
		return r
	},
}

const sendmailRun = `set -e
m4 -D_CF_DIR_=/usr/share/sendmail/cf/ /usr/share/sendmail/cf/m4/cf.m4 @DIR@/sendmail.mc >@DIR@/sendmail.cf
exec /usr/libexec/sendmail/sendmail -C @DIR@/sendmail.cf -bD -X @DIR@/traffic
`

const sendmailMC = "OSTYPE(`linux')dnl\n" +
	"define(`confDOMAIN_NAME', `customer.example')dnl\n" +
	"define(`confRUN_AS_USER', `4720:4720')dnl\n" +
	"define(`confDEF_USER_ID', `4720:4720')dnl\n" +
	"define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe,NonRootSafeAddr')dnl\n" +
	"define(`QUEUE_DIR', `@DIR@/queue')dnl\n" +
	"define(`confPID_FILE', `@DIR@/pid')dnl\n" +
	"define(`ALIAS_FILE', `')dnl\n" +
	"define(`STATUS_FILE', `')dnl\n" +
	"define(`HELP_FILE', `')dnl\n" +
	"define(`confDONT_PROBE_INTERFACES', `true')dnl\n" +
	"define(`confEIGHT_BIT_HANDLING', `pass8')dnl\n" +
	"define(`confBAD_RCPT_THROTTLE', `0')dnl\n" +
	"define(`confTO_IDENT', `0')dnl\n" +
	"define(`confMAX_HOP', `200')dnl\n" +
	// It neither refuses nor only queues when this machine is busy.
	"define(`confREFUSE_LA', `1000')dnl\n" +
	"define(`confQUEUE_LA', `1000')dnl\n" +
	"undefine(`confCT_FILE')dnl\n" +
	"FEATURE(`nocanonify')dnl\n" +
	"FEATURE(`accept_unresolvable_domains')dnl\n" +
	"FEATURE(`accept_unqualified_senders')dnl\n" +
	"FEATURE(`no_default_msa')dnl\n" +
	"DAEMON_OPTIONS(`Port=@PORT@, Addr=127.0.0.1, Name=MTA')dnl\n" +
	"MAILER(`smtp')dnl\n" + `LOCAL_CONFIG
Cwexample.org
Krefused regex ^<?refused
Kdeferred regex ^<?deferred
LOCAL_RULE_0
R$+ < @ $=w . >	$#keep $@ example.org $: $1
LOCAL_RULESETS
SLocal_check_rcpt
R$*	$: $1 $| $(refused $1 $: no $) $| $(deferred $1 $: no $)
R$* $| no $| no	$@ ok
R$* $| no $| $*	$#error $@ 4.2.1 $: "450 not today"
R$* $| $* $| no	$#error $@ 5.1.1 $: "550 nobody has that address"
MAILER_DEFINITIONS
Mkeep, P=@DIR@/keep, F=lnu8S, S=0, R=0, L=0, E=\n, T=X-Unix, U=4720:4720,
	A=keep @DIR@/kept $f $u@example.org
`
