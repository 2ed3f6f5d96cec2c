package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/logformat"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// bin is the folder of what TestMain built.
var bin string

func TestMain(m *testing.M) {
	os.Exit(dialogue.Main(m, &bin, "vodmr/cmd/vodmr-expire", "vodmr/cmd/vodmr-relay", "vodmr/test/standin/qmail-queue"))
}

// newSite has a qmail-queue that works for every user, and a Maildir that holds a
// message that is too old and one that is not.
func newSite(t *testing.T) (root, maildir string) {
	t.Helper()
	root, maildir = testsite.New(t, map[string]string{"vodmr.notes": ""})
	require.OK(t, os.Symlink(filepath.Join(bin, "qmail-queue"), filepath.Join(root, "qmail/bin/qmail-queue")))
	require.OK(t, os.Mkdir(filepath.Join(root, "qmail/queue"), 0o777))
	require.OK(t, os.Chmod(filepath.Join(root, "qmail/queue"), 0o777))
	fill(t, maildir, "bob")
	return root, maildir
}

func fill(t *testing.T, maildir, rcpt string) {
	t.Helper()
	now := time.Now().Unix()
	testsite.Write(t, fmt.Sprintf("%s/new/%d.old.vm", maildir, now-8*86400), testsite.Message("ann@sender.test", rcpt+"@example.org", "old"))
	testsite.Write(t, fmt.Sprintf("%s/cur/%d.young.vm:2,S", maildir, now-6*86400), testsite.Message("ann@sender.test", rcpt+"@example.org", "young"))
}

// expire runs the program on the site below root.
func expire(t *testing.T, root string, args ...string) (out, log string, code int) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(filepath.Join(bin, "vodmr-expire"), append([]string{"-q", root + "/qmail"}, args...)...)
	cmd.Dir, cmd.Env = root, []string{}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	logformat.Test(t, stdout.String()) // with -n the lines come here
	logformat.Test(t, stderr.String())
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// own gives a Maildir to a user of its own, if that can be done: root's is refused.
func own(t *testing.T, dir string, uid int) {
	if os.Getuid() == 0 {
		testsite.Chown(t, dir, uid)
	}
}

const owner = 47110

func left(t *testing.T, maildir string) int {
	t.Helper()
	names, err := filepath.Glob(maildir + "/[nc]*/*")
	require.OK(t, err)
	return len(names)
}

func bounces(t *testing.T, root string) int {
	t.Helper()
	names, err := filepath.Glob(root + "/qmail/queue/*.envelope")
	require.OK(t, err)
	return len(names)
}

func TestMisuse(t *testing.T) {
	root, _ := newSite(t)
	for _, args := range [][]string{{}, {"-z", "x"}, {"-n"}, {"-q"}, {"--"}, {"-nz", "x"}} {
		out, log, code := expire(t, root, args...)
		if code != 100 || out != "" || !strings.HasPrefix(log, "vodmr-expire: ") || !strings.Contains(log, "\nusage: ") {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, log)
		}
	}
}

// TestExpires: the mailbox is found by any of its names.
func TestExpires(t *testing.T) {
	for _, name := range []string{"odmr@example.org", "ODMR@alias.example", "ROOT/domain/odmr/Maildir", "domain/odmr/Maildir/"} {
		root, maildir := newSite(t)
		own(t, root+"/domain", owner)
		name = strings.ReplaceAll(name, "ROOT", root)
		out, log, code := expire(t, root, "--", name)
		if code != 0 || out != "" || left(t, maildir) != 1 || bounces(t, root) != 1 {
			t.Errorf("%s: exit %d, %d left, %d bounces, %q\n%s", name, code, left(t, maildir), bounces(t, root), out, log)
		}
		for _, want := range []string{"vodmr-expire: " + name + " expired file=new/", "vodmr-expire: " + name + " bounce file=new/", "sentto=<ann@sender.test>"} {
			if len(name) < 60 && !strings.Contains(log, want) {
				t.Errorf("no %q in\n%s", want, log)
			}
		}
	}
}

// TestShowChangesNothing: -n prints what would bounce, and leaves every byte.
func TestShowChangesNothing(t *testing.T) {
	for _, notes := range []string{"", "rubbish\n", "1795000000 session 1\n1795000000 kept a 1 17"} {
		root, maildir := newSite(t)
		testsite.Write(t, maildir+"/vodmr.notes", notes)
		testsite.Write(t, maildir+"/new/1700000000.odd.vm", "no envelope\n")
		own(t, root+"/domain", owner)
		hold(t, maildir) // it needs no lock
		before := testsite.Tree(t, root)
		out, _, code := expire(t, root, "-nf", "odmr@example.org")
		if diff := cmp.Diff(before, testsite.Tree(t, root)); diff != "" || code != 0 {
			t.Errorf("%q: exit %d, changed:\n%s", notes, code, diff)
		}
		lines := strings.Split(out, "\n")
		if len(lines) != 3 || !strings.HasPrefix(lines[0], "vodmr-expire: odmr@example.org skip file=new/1700000000.odd.vm reason=") ||
			!strings.HasPrefix(lines[1], "vodmr-expire: odmr@example.org expired file=new/") || !strings.Contains(lines[1], "did not come to fetch it") {
			t.Errorf("%q: printed\n%s", notes, out)
		}
	}
}

// hold holds a Maildir's lock until the test ends.
func hold(t *testing.T, maildir string) {
	t.Helper()
	file, err := os.OpenFile(maildir+"/vodmr.lock", os.O_RDWR|os.O_CREATE, 0o666)
	require.OK(t, err)
	t.Cleanup(func() { file.Close() })
	require.OK(t, file.Chmod(0o666))
	require.OK(t, unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}))
}

// TestLocked: while a session holds the lock nothing bounces there; the next Maildir has
// its turn.
func TestLocked(t *testing.T) {
	root, maildir := newSite(t)
	other := filepath.Join(root, "other/Maildir")
	testsite.Maildir(t, other)
	testsite.Write(t, other+"/vodmr.notes", "")
	fill(t, other, "eve")
	hold(t, maildir)
	own(t, root+"/domain", owner)
	own(t, root+"/other", owner+1)
	_, log, code := expire(t, root, maildir, other)
	if code != 111 || left(t, maildir) != 2 || left(t, other) != 1 || bounces(t, root) != 1 {
		t.Errorf("exit %d, %d and %d left, %d bounces", code, left(t, maildir), left(t, other), bounces(t, root))
	}
	if !strings.Contains(log, "locked by another session") || !strings.Contains(log, "to=<eve@example.org>") {
		t.Errorf("log\n%s", log)
	}
}

// standing begins a session of the site's customer that stands, with no mail.
func standing(t *testing.T, root, maildir string) *dialogue.Process {
	t.Helper()
	for _, name := range []string{"new", "cur"} {
		files, err := filepath.Glob(filepath.Join(maildir, name, "*"))
		require.OK(t, err)
		for _, file := range files {
			require.OK(t, os.Remove(file))
		}
	}
	testsite.Write(t, root+"/domain/.qmail-default", "| /home/vpopmail/bin/vdelivermail '' "+root+"/domain/odmr\n")
	own(t, root+"/domain", owner)
	proof, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.OK(t, err)
	defer proof.Close()
	cmd := exec.Command(filepath.Join(bin, "vodmr-relay"), "-q", root+"/qmail")
	cmd.Env = []string{"HOME=" + filepath.Dir(maildir), "VPOPUSER=odmr@example.org", "VODMR_AUTHFD=3",
		"VODMR_HOST=mail.test", "VODMR_IDLE=86400", "VODMR_NOOP=3600"}
	cmd.ExtraFiles = []*os.File{proof}
	p := dialogue.Start(t, cmd)
	p.Run("S: 235 *\nC: ATRN\nS: 250 *\nC: 220 customer.test\nS: EHLO *\nC: 250 customer.test")
	return p
}

// TestStandingSession: it is left alone if nothing is too old, and ends in order
// if something is that it does not send.
func TestStandingSession(t *testing.T) {
	root, maildir := newSite(t)
	p := standing(t, root, maildir)
	if out, log, code := expire(t, root, maildir); code != 0 || out+log != "" {
		t.Errorf("nothing to do: exit %d, %q\n%s", code, out, log)
	}
	deliver := func(domain string, age time.Duration) {
		name := fmt.Sprintf("%d.1.vm", time.Now().Add(-age).Unix())
		testsite.Write(t, maildir+"/tmp/"+name, testsite.Message("ann@sender.test", "bob@"+domain, "hi"))
		own(t, maildir+"/tmp", owner)
		require.OK(t, os.Rename(maildir+"/tmp/"+name, maildir+"/new/"+name))
	}
	deliver("example.org", 0)
	p.Run("S: MAIL *\nC: 250 ok\nS: RCPT *\nC: 250 ok\nS: DATA\nC: 354 go\nS: Received: x\nS:\nS: hi\nS: .\nC: 250 ok")

	deliver("example.org", 8*24*time.Hour)
	p.Run("S: MAIL *\nC: 451 4.1.8 later") // for the sender: the session goes on
	done := make(chan string)
	go func() {
		_, log, code := expire(t, root, maildir)
		done <- fmt.Sprintf("exit %d\n%s", code, log)
	}()
	p.Run("S: QUIT\nC: 221 bye\nS: <end>")
	if result := <-done; !strings.HasPrefix(result, "exit 0\n") || left(t, maildir) != 0 || bounces(t, root) != 1 {
		t.Errorf("%d left, %d bounces, %s", left(t, maildir), bounces(t, root), result)
	}
	if code, log := p.End(); code != 0 || !strings.Contains(log, `reason="vodmr-expire wants the mailbox"`) {
		t.Errorf("the session: exit %d\n%s", code, log)
	}
}

// TestRefused: what is no customer's mailbox is told and left alone, and the others are
// done.
func TestRefused(t *testing.T) {
	root, maildir := newSite(t)
	inbox := filepath.Join(root, "inbox/Maildir")
	testsite.Maildir(t, inbox)
	fill(t, inbox, "eve")
	own(t, root+"/domain", owner)
	own(t, root+"/inbox", owner+1)
	before := testsite.Tree(t, root+"/inbox")
	for arg, want := range map[string]string{
		inbox: "may be somebody's inbox", "gone@example.org": "no such", "nobody@elsewhere.test": "no such login", "./nowhere": "no such",
	} {
		out, log, code := expire(t, root, arg, maildir)
		if code != 100 || out != "" || !strings.Contains(log, want) {
			t.Errorf("%s: exit %d, %q\n%s", arg, code, out, log)
		}
	}
	if diff := cmp.Diff(before, testsite.Tree(t, root+"/inbox")); diff != "" || left(t, maildir) != 1 {
		t.Errorf("%d left in the other; the inbox:\n%s", left(t, maildir), diff)
	}
	if _, log, code := expire(t, root, "-f", inbox); code != 0 || left(t, inbox) != 1 {
		t.Errorf("-f: exit %d, %d left\n%s", code, left(t, inbox), log)
	}
}

// TestQueueFails: the message stays, and the exit code says so.
func TestQueueFails(t *testing.T) {
	root, maildir := newSite(t)
	require.OK(t, os.Remove(root+"/qmail/bin/qmail-queue"))
	require.OK(t, os.WriteFile(root+"/qmail/bin/qmail-queue", []byte("#!/bin/sh\nexit 53\n"), 0o755))
	own(t, root+"/domain", owner)
	if _, log, code := expire(t, root, maildir); code != 111 || left(t, maildir) != 2 || !strings.Contains(log, "its bounce was not queued") {
		t.Errorf("exit %d, %d left\n%s", code, left(t, maildir), log)
	}
}

// TestRootsMaildir: as root nothing is done for a Maildir that belongs to root.
func TestRootsMaildir(t *testing.T) {
	require.Root(t, "only root has such a Maildir")
	root, maildir := newSite(t)
	if _, log, code := expire(t, root, maildir); code != 100 || left(t, maildir) != 2 || !strings.Contains(log, "belongs to root") {
		t.Errorf("exit %d, %d left\n%s", code, left(t, maildir), log)
	}
}

// TestBecomesOwner: qmail-queue is run by the Maildir's owner, each by its own.
func TestBecomesOwner(t *testing.T) {
	require.Root(t, "only root can become another")
	root, maildir := newSite(t)
	other := filepath.Join(root, "other/Maildir")
	testsite.Maildir(t, other)
	fill(t, other, "eve")
	own(t, root+"/domain", owner)
	own(t, root+"/other", owner+1)
	if _, log, code := expire(t, root, "-f", maildir, other); code != 0 {
		t.Fatalf("exit %d\n%s", code, log)
	}
	names, _ := filepath.Glob(root + "/qmail/queue/*.message")
	all := ""
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.OK(t, err)
		all += string(text)
	}
	for _, uid := range []int{owner, owner + 1} {
		if want := fmt.Sprintf(" invoked by uid %d);", uid); strings.Count(all, want) != 1 {
			t.Errorf("no bounce of uid %d:\n%s", uid, all)
		}
	}
}

// TestNothingIsBouncedThatStays: what could not be removed would be bounced each day.
func TestNothingIsBouncedThatStays(t *testing.T) {
	root, maildir := newSite(t)
	testsite.Write(t, maildir+"/vodmr.lock", "")
	own(t, root+"/domain/odmr", owner)
	for _, dir := range []string{maildir + "/new", maildir + "/cur", maildir} {
		require.OK(t, os.Chmod(dir, 0o500))
		t.Cleanup(func() { require.OK(t, os.Chmod(dir, 0o700)) })
	}
	require.OK(t, os.Chmod(maildir+"/vodmr.notes", 0o400))
	_, log, code := expire(t, root, maildir)
	queued, err := os.ReadDir(root + "/qmail/queue")
	require.OK(t, err)
	if code != 111 || len(queued) != 0 || !strings.Contains(log, "nothing can be removed, so nothing is bounced: new: permission denied") {
		t.Errorf("exit %d, %d bounces, log:\n%s", code, len(queued), log)
	}
}

// TestLinkOfACustomer: nothing bounces in a Maildir that a customer's link leads to, by a
// path or by the login, though the customer may have the Maildir's uid.
func TestLinkOfACustomer(t *testing.T) {
	require.Root(t, "only root is followed through links")
	for _, arg := range []string{"ROOT/eve/link/Maildir", "ROOT/eve/end", "late@example.org"} {
		root, maildir := newSite(t)
		testsite.Write(t, root+"/domain/vpasswd", "late:x:1:0:l:"+root+"/domain/late/link:NOQUOTA:s\n")
		for _, dir := range []string{"/eve", "/domain/late"} {
			require.OK(t, os.Mkdir(root+dir, 0o755))
			require.OK(t, os.Symlink(root+"/domain/odmr", root+dir+"/link"))
			require.OK(t, os.Symlink(maildir, root+dir+"/end"))
		}
		own(t, root+"/domain", owner)
		own(t, root+"/eve", owner)
		_, log, code := expire(t, root, strings.ReplaceAll(arg, "ROOT", root))
		if code != 100 || left(t, maildir) != 2 || bounces(t, root) != 0 || !strings.Contains(log, "is a symbolic link") {
			t.Errorf("%s: exit %d, %d left, %d bounces\n%s", arg, code, left(t, maildir), bounces(t, root), log)
		}
	}
}

// TestRelativePathsAreRefused, as vodmr-relay does.
func TestRelativePathsAreRefused(t *testing.T) {
	root, maildir := newSite(t)
	for _, option := range []string{"-q", "-x"} {
		_, log, code := expire(t, root, option, "rules.cdb", maildir)
		if code != 100 || !strings.Contains(log, "option "+option+` needs an absolute path, not "rules.cdb"`) || left(t, maildir) != 2 {
			t.Errorf("%s: exit %d\n%s", option, code, log)
		}
	}
}

// TestRules: a login's further domains are those of its rule, for each of several Maildirs.
func TestRules(t *testing.T) {
	root, maildir := newSite(t)
	testsite.Write(t, root+"/rules.cdb", string(cdbmake.Rules("odmr@example.org:allow,VODMR_DOMAINS=\"example.org,other.example\"\n")))
	testsite.Write(t, maildir+"/new/1700000000.other.vm", testsite.Message("ann@sender.test", "bob@other.example", "old"))
	own(t, root+"/domain", owner)
	if _, log, code := expire(t, root, maildir); code != 0 || left(t, maildir) != 2 || !strings.Contains(log, " skip file=new/1700000000.other.vm reason=") {
		t.Errorf("without rules: exit %d, %d left\n%s", code, left(t, maildir), log)
	}
	if _, log, code := expire(t, root, "-x", root+"/rules.cdb", maildir, maildir); code != 0 || left(t, maildir) != 1 {
		t.Errorf("with rules: exit %d, %d left\n%s", code, left(t, maildir), log)
	}
}

// TestMTA: what another mail server delivered bounces to its sender; an unknown server is
// misuse.
func TestMTA(t *testing.T) {
	root, maildir := newSite(t)
	require.OK(t, os.RemoveAll(maildir+"/new"))
	testsite.Write(t, fmt.Sprintf("%s/new/%d.2d3584c8.front", maildir, time.Now().Unix()-8*86400),
		"Return-Path: <ann@sender.test>\nDelivered-To: \"bob\"@example.org\nReceived: x\n\nbody\n")
	own(t, root+"/domain", owner)
	testsite.Write(t, root+"/qmail/env/VODMR_MTA", "opensmtp\n")
	if _, log, code := expire(t, root, "odmr@example.org"); code != 100 || !strings.Contains(log, "one of qmail, postfix, exim") {
		t.Errorf("an unknown one: exit %d, %q", code, log)
	}
	testsite.Write(t, root+"/qmail/env/VODMR_MTA", "opensmtpd\n")
	_, log, code := expire(t, root, "odmr@example.org")
	if code != 0 || bounces(t, root) != 1 || !strings.Contains(log, "to=<bob@example.org>") || !strings.Contains(log, "sentto=<ann@sender.test>") {
		t.Errorf("exit %d, %d bounces\n%s", code, bounces(t, root), log)
	}
}
