package integration

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// A frontPostfix is a front: Postfix puts all mail for example.org into the Maildir of one
// login. It listens on port 25 of a network namespace of its own.
type frontPostfix struct {
	*postfix
	service, maildir string
}

const frontLogin = "customer@example.org"

// newFrontPostfix makes the files of a front. listeners are the lines of master.cf for its
// ports, settings more lines of main.cf.
func newFrontPostfix(t *testing.T, listeners string, settings ...string) *frontPostfix {
	t.Helper()
	require.Root(t, "Postfix must start as root")
	f := &frontPostfix{postfix: &postfix{dir: publicDir(t)}}
	root, mail := account{0, 0}, mailUser()
	f.configure(t, "example.org", append([]string{"virtual_mailbox_maps = static:customer/Maildir/"}, settings...))
	root.write(t, f.config()+"/master.cf", listeners+"\n"+strings.Join(postfixDaemons(), "\n")+"\n", 0o644)
	home := filepath.Join(f.dir, "mail/customer")
	f.maildir = filepath.Join(home, "Maildir")
	for _, dir := range []string{home, f.maildir, f.maildir + "/new", f.maildir + "/cur", f.maildir + "/tmp"} {
		mail.mkdir(t, dir, 0o700)
	}
	mail.write(t, f.maildir+"/maildirsize", "1000000S\n", 0o600)
	f.service = filepath.Join(f.dir, "service")
	root.mkdir(t, f.service, 0o755)
	root.mkdir(t, f.service+"/env", 0o755)
	root.write(t, f.service+"/env/VODMR_MTA", "postfix\n", 0o644)
	root.write(t, f.service+"/vpasswd", fmt.Sprintf("%s:x:%d:%d::%s:-:secret\n", frontLogin, mail.uid, mail.gid, home), 0o600)
	root.write(t, f.service+"/run", fmt.Sprintf("#!/bin/sh\nexec envdir ./env tcpserver -vRHl0 0 366 %s front.example.org %s %s/vpasswd %s -q %s\n",
		program(t, "vodmr"), program(t, "vodmr-checkpw"), f.service, program(t, "vodmr-relay"), f.service), 0o755)
	return f
}

// in runs commands of a shell while Postfix runs, in its namespace, and returns what they
// print. CHECK and SENDMAIL are vodmr's programs.
func (f *frontPostfix) in(t *testing.T, commands string) string {
	t.Helper()
	script := `ip link set lo up
postfix -c "$MAIL_CONFIG" start >"$DIR/start" 2>&1 || { cat "$DIR/start"; exit 9; }
` + commands + `
postfix -c "$MAIL_CONFIG" stop >/dev/null 2>&1
`
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, require.Program(t, "unshare"), "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "MAIL_CONFIG=" + f.config(), "DIR=" + f.dir,
		"CHECK=" + program(t, "vodmr-check"), "SENDMAIL=" + program(t, "vodmr-sendmail"), "SERVICE=" + f.service, "MAILDIR=" + f.maildir}
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		showLog(t, f.log())
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// The probe goes through a real Postfix, by SMTP or by its sendmail, and leaves nothing.
func TestProbeThroughPostfix(t *testing.T) {
	t.Parallel()
	require.Program(t, "postfix")
	for name, listener := range map[string]string{"by SMTP": "127.0.0.1:25 inet n - n - - smtpd", "by sendmail": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFrontPostfix(t, listener)
			out := f.in(t, `"$CHECK" -d "$SERVICE" -p `+frontLogin+`; echo "exit $?"; ls "$MAILDIR/new"; cat "$MAILDIR/maildirsize"`)
			want := `^ok the probe to (vodmr-check-probe-\w+@example\.org): came within \S+ from <> to <vodmr-check-probe-\w+@example\.org>\n` +
				`ok all: 1 ok, 0 wrong, 0 doubtful\nexit 0\n1000000S\n-\d+ -1\n$`
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("%s", out)
			}
		})
	}
}

// Postfix's own commands tell how mail goes, and a probe says what is wrong.
func TestCheckOfPostfix(t *testing.T) {
	t.Parallel()
	require.Program(t, "postfix")
	const smtpd = "127.0.0.1:25 inet n - n - - smtpd"
	for _, tt := range []struct {
		name     string
		settings []string
		args     string
		want     []string
	}{
		{"as it should be", nil, frontLogin, []string{"ok example.org: Postfix takes its mail and delivers it to this Maildir", "ok port 25: is answered by customer.example.org ESMTP Postfix"}},
		{"a small mailbox", []string{"message_size_limit = 20000", "virtual_mailbox_limit = 10000"}, frontLogin, []string{"wrong Postfix virtual_mailbox_limit: is less than the largest message"}},
		{"another domain", []string{"virtual_mailbox_domains = example.net"}, "-p " + frontLogin,
			[]string{"wrong example.org: is not a domain that the mail server takes mail for", "\n0 ok, 1 wrong"}},
		{"a refusal", []string{"smtpd_recipient_restrictions = reject"}, "-p " + frontLogin, []string{"@example.org: is refused by the mail server (554 5.7.1"}},
		{"another Maildir", []string{"virtual_mailbox_maps = inline:{ { @example.org = elsewhere/Maildir/ } }"}, frontLogin, []string{"wrong example.org: is delivered to another place than this Maildir"}},
		{"an alias", []string{"virtual_alias_maps = inline:{ { @example.org = all@example.org } }", "enable_original_recipient = no"}, "-p " + frontLogin + " " + frontLogin,
			[]string{"wrong example.org: loses the recipient that the sender wrote", "came with another sender or recipient (from <> to <all@example.org>)"}},
		{"a table that is missing", []string{"virtual_alias_maps = hash:/nonexistent/aliases"}, frontLogin, []string{"wrong Postfix: has a table that cannot be asked (hash:/nonexistent/aliases: postmap: fatal: open database"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := newFrontPostfix(t, smtpd, tt.settings...).in(t, `"$CHECK" -d "$SERVICE" `+tt.args+`; true`)
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
}

// What vodmr-sendmail gives to Postfix's sendmail comes once, with the right envelope.
func TestSendmailOfPostfix(t *testing.T) {
	t.Parallel()
	require.Program(t, "postfix")
	f := newFrontPostfix(t, "")
	for name, envelope := range map[string]string{
		"null": "F\x00Tbob@example.org\x00\x00", "double": "F#@[]\x00Tbob@example.org\x00\x00",
		"odd": "Fjohn doe@sender.test\x00Ta, \"b\"@example.org\x00Tj\xc3\xb6rg@example.org\x00\x00", "half": "Fann@sender.test\x00Tbob@example.org\x00",
	} {
		account{0, 0}.write(t, f.dir+"/"+name, envelope, 0o644)
		account{0, 0}.write(t, f.dir+"/"+name+".message", "Subject: "+name+"\n\nh\xc3\xa9llo\n.\n\nend of it\n", 0o644)
	}
	out := f.in(t, `for name in null double odd half; do
	"$SENDMAIL" <"$DIR/$name.message" 1<"$DIR/$name" || echo "$name: exit $?"
done
for i in 1 2 3 4 5 6 7 8 9 10; do
	test "$(ls "$MAILDIR/new" | wc -l)" = 4 && break
	sleep 0.5
done
cat "$MAILDIR"/new/* | grep -aE '^(Return-Path|X-Original-To|Subject|end|\.)' | LC_ALL=C sort | uniq -c`)
	const want = `      4 .
      2 Return-Path: <"john doe"@sender.test>
      2 Return-Path: <>
      1 Subject: double
      1 Subject: null
      2 Subject: odd
      1 X-Original-To: "a, \"b\""@example.org
      2 X-Original-To: bob@example.org
      1 X-Original-To: jörg@example.org
      4 end of it
`
	if !strings.Contains(out, "half: exit 54\n") || !strings.HasSuffix(out, want) {
		t.Errorf("%s\nwant\n%s", out, want)
	}
}
