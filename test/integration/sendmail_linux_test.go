package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An otherSendmail is a mail server's sendmail, which only runs where the server is installed.
// Its Maildir keeps all mail for example.org.
type otherSendmail struct {
	name, pkg string
	conf      func(r *running, t *testing.T)
	before    string // commands that make the sendmail usable
	program   string // VODMR_SENDMAIL; DIR is the server's folder
	want      []string
}

func otherSendmails() []otherSendmail {
	return []otherSendmail{
		{
			"Exim", "exim4-daemon-light",
			func(r *running, t *testing.T) {
				installed.mkdir(t, filepath.Join(r.dir, "spool"), 0o750)
				installed.mkdir(t, filepath.Join(r.dir, "logs"), 0o750)
				r.file(t, "exim.conf", eximConf, 0o644)
				r.file(t, "sendmail", "#!/bin/sh\nexec /usr/sbin/exim4 -C @DIR@/exim.conf -odf \"$@\"\n", 0o755)
			}, "", "DIR/sendmail",
			[]string{
				`Return-Path: <"john doe"@sender.test> Delivered-To: a, "b"@example.org`, `Return-Path: <"john doe"@sender.test> Delivered-To: jörg@example.org`,
				"Return-Path: <> Delivered-To: -bob@example.org", "Return-Path: <> Delivered-To: bob@example.org",
			},
		},
		{
			"OpenSMTPD", "opensmtpd",
			func(r *running, t *testing.T) {
				r.port = freePort(t)
				account{0, 0}.mkdir(t, filepath.Join(r.dir, "spool"), 0o711)
				r.file(t, "smtpd.conf", smtpdConf, 0o644)
			},
			`mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
mount --bind "$DIR/spool" /var/spool/smtpd
chgrp opensmtpq /usr/sbin/smtpctl
chmod 2755 /usr/sbin/smtpctl
/usr/sbin/smtpd -d -f "$DIR/smtpd.conf" >"$DIR/log" 2>&1 &
while ! test -S /var/run/smtpd.sock; do sleep 0.1; done
`, "/usr/sbin/sendmail",
			// It refuses quoted local parts and other characters than ASCII, and writes no Return-Path for the null sender.
			[]string{"Delivered-To: -bob@example.org", "Delivered-To: bob@example.org"},
		},
	}
}

// vodmr-sendmail speaks to the sendmail of each mail server that Debian has as it must.
func TestSendmailOfOthers(t *testing.T) {
	for _, m := range otherSendmails() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			r := newInstalled(t)
			m.conf(r, t)
			binary, err := os.ReadFile(program(t, "vodmr-sendmail"))
			if err != nil {
				t.Fatal(err)
			}
			r.file(t, "vodmr-sendmail", string(binary), 0o755)
			for name, envelope := range map[string]string{
				"1": "F\x00Tbob@example.org\x00\x00", "2": "F#@[]\x00T-bob@example.org\x00\x00",
				"3": "Fjohn doe@sender.test\x00Ta, \"b\"@example.org\x00Tj\xc3\xb6rg@example.org\x00\x00", "4": "F\x00Tbob@example.org\x00",
			} {
				r.file(t, name, envelope, 0o644)
				r.file(t, name+".message", "Subject: "+name+"\n\nh\xc3\xa9llo\n.\n\nend of it\n", 0o644)
			}
			script := r.file(t, "run", m.before+`export VODMR_SENDMAIL="`+strings.Replace(m.program, "DIR", r.dir, 1)+`"
for name in 1 2 3 4; do "$DIR/vodmr-sendmail" <"$DIR/$name.message" 1<"$DIR/$name"; echo "$name: exit $?"; done
for i in 1 2 3 4 5 6 7 8 9 10; do
	test "$(ls "$DIR/kept/new" | wc -l)" -ge `+string(rune('0'+len(m.want)))+` && break
	sleep 0.5
done
`, 0o755)
			cmd := r.asInstalled(t, m.pkg, "sh", script)
			cmd.Env = append(os.Environ(), "DIR="+r.dir)
			out, err := cmd.CombinedOutput()
			if _, failed := err.(*exec.ExitError); err != nil && !failed {
				t.Fatal(err)
			}
			if !strings.Contains(string(out), "1: exit 0\n") || !strings.Contains(string(out), "4: exit 54\n") {
				t.Errorf("%s", out)
			}
			if diff := cmp.Diff(m.want, r.keptEnvelopes(t)); diff != "" {
				t.Errorf("-want, +got:\n%s\n%s", diff, out)
			}
		})
	}
}

// keptEnvelopes are the lines of the envelope on top of each message that was kept, in order.
func (r *running) keptEnvelopes(t *testing.T) (found []string) {
	t.Helper()
	names, _ := filepath.Glob(r.kept + "/new/*")
	for _, name := range names {
		text := readFile(t, name)
		if !strings.Contains(text, "h\xc3\xa9llo\n.\n\nend of it\n") {
			t.Errorf("%s: its content is not whole: %q", name, text)
		}
		var head []string
		for _, line := range strings.Split(text, "\n")[:2] {
			if strings.HasPrefix(line, "Return-Path:") || strings.HasPrefix(line, "Delivered-To:") {
				head = append(head, line)
			}
		}
		found = append(found, strings.Join(head, " "))
	}
	sort.Strings(found)
	return found
}
