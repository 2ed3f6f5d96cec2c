package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/qmail"
	"vodmr/test/kit/require"
)

// made is a service directory with compiled rules.
func made(t *testing.T) string {
	require.Program(t, "make")
	require.Program(t, "tcprules")
	s, err := planned(t, 0, "root root /d h")
	if err != nil {
		t.Fatal(err)
	}
	text(t, s, "Makefile")
	if out, err := exec.Command("make", "-C", s.Dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s.Dir
}

func denied(t *testing.T, dir, login string) bool {
	t.Helper()
	rules, err := qmail.OpenRules(filepath.Join(dir, "rules.cdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer rules.Close()
	rule, _, err := rules.For(login)
	if err != nil {
		t.Fatal(err)
	}
	return rule.Deny
}

// A text with an older date than its cdb, such as one from a backup, is compiled too.
func TestMakeCompilesAnOlderText(t *testing.T) {
	dir := made(t)
	write(t, dir, "odmr@example.org:allow\n:deny\n")
	then := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "rules"), then, then); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("make", "-C", dir).CombinedOutput(); err != nil || denied(t, dir, "odmr@example.org") {
		t.Errorf("make did not compile it: %v, %s", err, out)
	}
}

func write(t *testing.T, dir, rules string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "rules"), []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A key with a capital letter matches no login, so its deny would let the login in: make
// fails, names the line, and leaves rules.cdb as it was. Elsewhere a capital is welcome.
func TestMakeRefusesACapitalLetterInAKey(t *testing.T) {
	dir := made(t)
	write(t, dir, "odmr@example.org:deny\n:allow\n")
	if out, err := exec.Command("make", "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, line := range []string{"Odmr@example.org:deny", "odmr@Example.org:deny", "O:deny", "@EXAMPLE.org:deny,X=\"1\"", "odmR:allow"} {
		write(t, dir, "# A comment\n"+line+"\n:allow\n")
		out, err := exec.Command("make", "-C", dir).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "rules:2:"+line+"\n") || !strings.Contains(string(out), "in lower case") {
			t.Errorf("%s: %v, %s", line, err, out)
		}
		if !denied(t, dir, "odmr@example.org") || denied(t, dir, "eve@example.org") {
			t.Errorf("%s: rules.cdb was made anew", line)
		}
	}
	write(t, dir, "# Odmr@example.org:allow\nodmr@example.org:allow,VODMR_DOMAINS=\"Example.ORG\"\n:deny\n")
	if out, err := exec.Command("make", "-C", dir).CombinedOutput(); err != nil || denied(t, dir, "odmr@example.org") {
		t.Errorf("%v: %s", err, out)
	}
}

// make has the accounts' index made by the vodmr-checkpw that the service uses, in its own
// folder.
func TestMakeIndexesTheAccounts(t *testing.T) {
	require.Program(t, "make")
	require.Program(t, "tcprules")
	s, err := planned(t, 0, "root root /d h")
	if err != nil {
		t.Fatal(err)
	}
	s.Vpasswd, s.Bin = "vpasswd", t.TempDir()+"/"
	text(t, s, "Makefile")
	program := "#!/bin/sh\necho \"$@ in $PWD\" >said\n"
	if err := os.WriteFile(s.Bin+"vodmr-checkpw", []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("make", "-C", s.Dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	said, err := os.ReadFile(filepath.Join(s.Dir, "said"))
	if want := "-m vpasswd in " + s.Dir + "\n"; err != nil || string(said) != want {
		t.Errorf("%q, %v, want %q", said, err, want)
	}
}
