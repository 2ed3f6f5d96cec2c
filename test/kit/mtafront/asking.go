package mtafront

import (
	"fmt"
	"strings"
)

// AskingGroup is the group of those servers of Asking that may ask at the door.
const AskingGroup = 4720

// Asking are fronts that ask about recipients at the door, the folder `door' below theirs, as
// INSTALL has it. program is vodmr-rcpt.
func Asking(program string) []Kind {
	fill := strings.NewReplacer("@RCPT@", program)
	e := exim()
	e.ID, e.Name = "exim-asking", "Exim with vodmr-rcpt"
	e.files = []file{{"exim4.conf", strings.Replace(eximConf, "rcpt:\n", "rcpt:\n"+fill.Replace(eximAsks), 1)}}
	o := openSMTPD()
	o.ID, o.Name = "opensmtpd-asking", "OpenSMTPD with vodmr-rcpt"
	o.files = []file{{"smtpd.conf", fill.Replace(smtpdAsks) + strings.Replace(smtpdConf, "port @PORT@", "port @PORT@ filter vodmr-rcpt", 1)}}
	return []Kind{e, o}
}

// AskingPostfix is a Postfix that asks as those of Asking do. It only asks about mail that comes
// by SMTP.
func AskingPostfix(program string) Kind {
	k := postfixVirtual()
	k.ID, k.Name = "postfix-asking", "Postfix with vodmr-rcpt"
	k.accounts = []string{fmt.Sprintf("vodmrrcpt:%d:/nonexistent", AskingGroup)}
	k.files[0].text += postfixAsks
	k.files[1].text += strings.ReplaceAll(postfixSpawns, "@RCPT@", program)
	return k
}

const postfixAsks = `smtpd_recipient_restrictions = check_policy_service { unix:private/vodmr-rcpt, timeout=10s, default_action=DUNNO }
`

const postfixSpawns = `vodmr-rcpt unix - n n - 100 spawn
  user=vodmrrcpt:vodmrrcpt argv=@RCPT@ -d @DIR@/door -P
`

const eximAsks = `  deny domains = +customer
       set acl_m_rcpt = ${run{@RCPT@ -d @DIR@/door <$local_part@$domain>}{}{$runrc $value}}
       condition = ${if match{$acl_m_rcpt}{\N^1 (550 5\.1\.1 .*)\N}}
       message = ${sg{$acl_m_rcpt}{\N^1 |\n\N}{}}
`

const smtpdAsks = `filter vodmr-rcpt proc-exec "@RCPT@ -d @DIR@/door -O" user opensmtpd group opensmtpd
`
