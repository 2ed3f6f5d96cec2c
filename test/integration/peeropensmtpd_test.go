package integration

import (
	"path/filepath"
	"regexp"
	"testing"
)

var opensmtpdPeer = &peer{
	name:      "OpenSMTPD",
	modes:     []mode{lockStep},
	completes: regexp.MustCompile(`(?m)^Date: .* \(UTC\)\nMessage-ID: <[0-9a-f]+@customer\.example>\n?`),
	exceptions: map[string]exception{
		"from-quoted": {why: "it refuses a quoted local part with a blank", may: bounces},
		`"odd rcpt"`:  {why: "it refuses a quoted local part with a blank", may: bounces},
		"no-header":   {why: "it refuses a header line without a colon", may: bounces},
		"nul": {why: "it takes a NUL for the end of a line", keeps: func(content string) string {
			return regexp.MustCompile(`(?m)\x00.*$`).ReplaceAllString(content, "")
		}},
	},
	start: func(t *testing.T, domain string) *running {
		r := newInstalled(t)
		r.port = freePort(t)
		account{0, 0}.mkdir(t, filepath.Join(r.dir, "spool"), 0o711)
		r.file(t, "smtpd.conf", smtpdConf, 0o644)
		r.onPort(t, r.asInstalled(t, "opensmtpd", "sh", r.file(t, "run", smtpdRun, 0o755)))
		r.idle = func() bool { return emptyTree(filepath.Join(r.dir, "spool/queue")) }
		return r
	},
}

const smtpdRun = `set -e
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
mount --bind @DIR@/spool /var/spool/smtpd
exec /usr/sbin/smtpd -d -f @DIR@/smtpd.conf
`

const smtpdConf = `filter refuse phase rcpt-to match rcpt-to regex "^<?refused" reject "550 5.1.1 nobody has that address"
filter defer phase rcpt-to match rcpt-to regex "^<?deferred" reject "450 4.2.1 not today"
filter both chain { refuse, defer }
listen on 127.0.0.1 port @PORT@ filter both
smtp max-message-size 100M
action keep maildir "@DIR@/kept" virtual { "@" = nobody }
match from any for domain example.org action keep
`
