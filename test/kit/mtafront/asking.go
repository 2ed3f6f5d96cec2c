package mtafront

import "strings"

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

const eximAsks = `  deny domains = +customer
       set acl_m_rcpt = ${run{@RCPT@ -d @DIR@/door <$local_part@$domain>}{}{$runrc $value}}
       condition = ${if match{$acl_m_rcpt}{\N^1 (550 5\.1\.1 .*)\N}}
       message = ${sg{$acl_m_rcpt}{\N^1 |\n\N}{}}
`

const smtpdAsks = `filter vodmr-rcpt proc-exec "@RCPT@ -d @DIR@/door -O" user opensmtpd group opensmtpd
`
