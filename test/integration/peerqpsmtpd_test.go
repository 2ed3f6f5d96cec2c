package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

var qpsmtpdPeer = &peer{
	name:  "qpsmtpd",
	modes: []mode{pipelined, lockStep},
	adds:  []string{"Authentication-Results"},
	exceptions: map[string]exception{
		"from-quoted": {why: "it refuses a quoted local part with a blank", may: bounces},
		`"odd rcpt"`:  {why: "it refuses a quoted local part with a blank", may: bounces},
		"no-header": {why: "it drops lines of a header without a colon", keeps: func(string) string {
			return received
		}},
		"header-from-line": {why: "it turns a From line into a header line", keeps: func(content string) string {
			return strings.Replace(content, "\nFrom ", "\nMail-From: ", 1)
		}},
	},
	start: func(t *testing.T, domain string) *running {
		require.Root(t, "qpsmtpd changes its user")
		r := newRunning(t)
		r.port = freePort(t)
		// Its user must be able to read it, which the cache of scripts/test may not allow.
		tree := filepath.Join(r.dir, "qpsmtpd")
		if out, err := exec.Command("cp", "-a", unpacked(t, "qpsmtpd"), tree).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		nobody := lookUpUser(t, "nobody")
		nobody.mkdir(t, filepath.Join(r.dir, "spool"), 0o700)
		r.file(t, "plugins/keep", readFile(t, "../standin/peers/qpsmtpd_keep"), 0o644)
		for name, line := range map[string]string{
			"plugins": "keep @DIR@/kept", "plugin_dirs": "@DIR@/plugins", "spool_dir": "@DIR@/spool",
			"me": "customer.example", "loglevel": "6",
		} {
			r.file(t, "config/"+name, line+"\n", 0o644)
		}
		args := []string{"-Tw", "-I" + tree + "/usr/share/perl5"}
		compiled, _ := filepath.Glob(tree + "/usr/lib/*/perl5/*")
		for _, dir := range compiled {
			args = append(args, "-I"+dir)
		}
		args = append(args, tree+"/usr/bin/qpsmtpd-forkserver", "-l", "127.0.0.1", "-p", r.port, "-u", "nobody", "-H")
		cmd := exec.Command(require.Program(t, "perl"), args...)
		cmd.Env = append(os.Environ(), "QPSMTPD_CONFIG="+r.dir+"/config")
		cmd.Dir = r.dir
		r.onPort(t, cmd)
		return r
	},
}
