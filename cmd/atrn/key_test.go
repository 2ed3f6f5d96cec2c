package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

var hashLine = regexp.MustCompile(`^sha256:[A-Za-z0-9_-]{43}\n$`)

// -K alone makes a key once, and shows its hash each time.
func TestKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	code, hash, log := fetchWith(t, "-K", file)
	if code != 0 || !hashLine.MatchString(hash) || !strings.Contains(log, "vodmr-front -k "+strings.TrimSpace(hash)+" LOGIN") {
		t.Errorf("exit %d, %q, %q", code, hash, log)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if code, shown, log := fetchWith(t, "-K", file); code != 0 || shown != hash || log != "" {
		t.Errorf("exit %d, %q, %q, want %q alone", code, shown, log, hash)
	}
	require.OK(t, os.Chmod(file, 0o644))
	if code, shown, log := fetchWith(t, "-K", file); code != 100 || shown != "" || !strings.Contains(log, "run chmod 600") {
		t.Errorf("exit %d, %q, %q", code, shown, log)
	}
}

// What would leave the login without the key, or without TLS, is refused before anything is
// made or sent.
func TestKeyMisused(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	external := filepath.Join(t.TempDir(), "invitation")
	require.OK(t, os.WriteFile(external, []byte("atrn://u@127.0.0.1:1/?external\n"), 0o600))
	for args, want := range map[string]string{
		"-K KEY -u u -p PASS host true":    "leave -p out",
		"-K KEY -u u -T none host true":    "needs TLS",
		"-K KEY -u u -T may host true":     "needs TLS",
		"-K KEY -u u -e true true":         "needs TLS",
		"-K KEY -f INVITATION -T may true": "needs TLS",
		"-K KEY host true":                 "give -u, or an invitation",
		"-f INVITATION true":               "give -K KEYFILE",
	} {
		words := strings.NewReplacer("KEY", key, "PASS", passfile(t, 0o600), "INVITATION", external)
		code, out, log := fetchWith(t, strings.Fields(words.Replace(args))...)
		if code != 100 || out != "" || !strings.Contains(log, want) {
			t.Errorf("atrn %s: exit %d, %q, %q, want %q", args, code, out, log, want)
		}
		if _, err := os.Stat(key); err == nil {
			t.Errorf("atrn %s: the key was made", args)
		}
	}
}

// -n shows all of an invitation but its secrets.
func TestShowInvitationWithKey(t *testing.T) {
	folder := t.TempDir()
	key, file := filepath.Join(folder, "key"), filepath.Join(folder, "invitation")
	_, hash, _ := fetchWith(t, "-K", key)
	require.OK(t, os.WriteFile(file, []byte("atrn://u@h/?domain=d.example&external\n"+require.File(t, key)), 0o600))
	code, out, log := fetchWith(t, "-n", "-f", file)
	if want := "provider h:366\nlogin u\ndomain d.example\nexternal yes\nkey " + hash; code != 0 || out != want || log != "" {
		t.Errorf("exit %d, %q, %q, want %q", code, out, log, want)
	}
}
