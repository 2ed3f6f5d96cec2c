package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vodmr/internal/cdb"
	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
	"vodmr/test/kit/testsite"
)

// A rightsSite has a mailbox behind rules and a checkpassword program, and a session that
// stands and looks each second.
type rightsSite struct {
	*mailbox
	t                    *testing.T
	rules, vpasswd, text string
}

const firstRules = "home@example.org:allow,VODMR_IDLE=\"86400\",VODMR_DOMAINS=\"example.org\"\nother@example.org:allow\n"

func newRightsSite(t *testing.T) *rightsSite {
	m := newMailbox(t).empty(t)
	// Both have a folder of their own, outside the domain's.
	s := &rightsSite{mailbox: m, t: t, rules: testsite.PublicDir(t) + "/rules.cdb", vpasswd: testsite.PublicDir(t) + "/logins"}
	s.text = fmt.Sprintf("odmr@example.org:*:%d:%d::%s:-:secret\nother@example.org:*:%d:%d::/x:-:secret\n",
		testsite.User(), testsite.User(), m.home, testsite.User(), testsite.User())
	m.cmd.Args = append(m.cmd.Args, "-x", s.rules)
	m.cmd.Env = append(m.cmd.Env, "VODMR_NOOP=1", "VODMR_LOOK=1")
	s.compile(firstRules)
	return s
}

// compile puts rules.cdb in its place as tcprules does.
func (s *rightsSite) compile(rules string) { s.replace(s.rules, cdbmake.Rules(rules), 0o644) }

// replace puts a file in its place, whole.
func (s *rightsSite) replace(name string, content []byte, mode os.FileMode) {
	s.t.Helper()
	require.OK(s.t, os.WriteFile(name+".tmp", content, mode))
	require.OK(s.t, os.Rename(name+".tmp", name))
}

// edit writes vodmr-checkpw's file, with some text in place of another.
func (s *rightsSite) edit(from, to string) {
	s.t.Helper()
	if !strings.Contains(s.text, from) {
		s.t.Fatalf("no %q in %q", from, s.text)
	}
	s.text = strings.Replace(s.text, from, to, 1)
	s.replace(s.vpasswd, []byte(s.text), 0o600)
}

// make makes the index and the times.
func (s *rightsSite) make() {
	s.t.Helper()
	out, err := exec.Command(filepath.Join(bin, "vodmr-checkpw"), "-m", s.vpasswd).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
}

// logIn has vodmr-checkpw run the program, and the roles turn.
func (s *rightsSite) logIn() *dialogue.Process {
	read, write, err := os.Pipe()
	require.OK(s.t, err)
	_, err = write.WriteString("odmr@example.org\x00secret\x00\x00")
	require.OK(s.t, err)
	write.Close()
	s.cmd.Args = append([]string{"vodmr-checkpw", s.vpasswd}, s.cmd.Args...)
	s.cmd.Path = filepath.Join(bin, "vodmr-checkpw")
	s.cmd.Env = append(s.cmd.Env, "VODMR_AUTHFD=4", "VODMR_LOGINS=/nonexistent")
	s.cmd.ExtraFiles = []*os.File{read, s.cmd.ExtraFiles[0]}
	p := s.start(s.t)
	s.cmd.ExtraFiles[1].Close()
	p.Run(turn)
	return p
}

// ends expects a clean end for this reason.
func (s *rightsSite) ends(p *dialogue.Process, reason string) {
	s.t.Helper()
	quits(s.t, p)
	code, log := p.End()
	if code != 0 || !strings.Contains(log, fmt.Sprintf(" reason=%q\n", reason)) {
		s.t.Errorf("exit code %d, not for %q:\n%s", code, reason, log)
	}
}

// stays expects that the session goes on for some looks more, and that it sends mail.
func (s *rightsSite) stays(p *dialogue.Process) {
	s.t.Helper()
	for range 6 {
		p.Run("S: NOOP\nC: 250 ok")
	}
	s.deliver(s.t, "1795336646.1.vm")
	if line := pastNoops(s.t, p); line != "MAIL FROM:<a@b.test>" {
		s.t.Fatalf("it says %q", line)
	}
	p.Run(toDot + ok)
	require.OK(s.t, syscall.Kill(p.PID(), syscall.SIGTERM))
	s.ends(p, "told to end by a signal")
}

const (
	endsByRule     = "the login's rule has changed"
	endsByPassword = "the login's password or account has changed"
	endsByRemoval  = "the login was removed"
)

// TestLosesItsRight: a standing session ends in order if its rule or its line among the
// logins changes, and stays if another's does.
func TestLosesItsRight(t *testing.T) {
	require.Time(t)
	for name, test := range map[string]struct {
		change func(s *rightsSite)
		reason string // "" if the session stays
	}{
		"password":           {func(s *rightsSite) { s.edit("secret", "changed"); s.make() }, endsByPassword},
		"removed":            {func(s *rightsSite) { s.edit("odmr@", "old@"); s.make() }, endsByRemoval},
		"another's password": {func(s *rightsSite) { s.edit("/x:-:secret", "/x:-:changed"); s.make() }, ""},
		"the same again":     {func(s *rightsSite) { s.edit("secret", "secret"); s.make() }, ""},
		"denied":             {func(s *rightsSite) { s.compile("home@example.org:deny\n") }, endsByRule},
		"no rule":            {func(s *rightsSite) { s.compile("other@example.org:allow\n") }, endsByRule},
		"stands no longer":   {func(s *rightsSite) { s.compile(strings.Replace(firstRules, `VODMR_IDLE="86400",`, "", 1)) }, endsByRule},
		"other domains":      {func(s *rightsSite) { s.compile(strings.Replace(firstRules, `"example.org"`, `"example.net"`, 1)) }, endsByRule},
		"another's rule":     {func(s *rightsSite) { s.compile(strings.Replace(firstRules, "other", "new", 1)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRightsSite(t)
			s.edit("", "")
			s.make()
			p := s.logIn()
			test.change(s)
			if test.reason == "" {
				s.stays(p)
			} else {
				s.ends(p, test.reason)
			}
		})
	}
}

// TestLosesItsRightWithoutTimes: without FILE.times.cdb, or if that is of an older file, a
// session that must not read the file ends with each change of it.
func TestLosesItsRightWithoutTimes(t *testing.T) {
	require.Root(t, "otherwise a session may read its own user's file")
	require.Time(t)
	for name, made := range map[string]bool{"none": false, "old": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRightsSite(t)
			s.edit("", "")
			if made {
				s.make()
			}
			p := s.logIn()
			s.edit("/x:-:secret", "/x:-:changed")
			s.ends(p, "the file of logins has changed")
		})
	}
}

// TestLosesItsRightBehindVchkpw: the logins are vpopmail's, in the domain's folder.
func TestLosesItsRightBehindVchkpw(t *testing.T) {
	require.Time(t)
	const own, other = "secret hash:1:0:box:/d/home:NOQUOTA:secret", "x:1:0:box:/d/other:NOQUOTA:x"
	database := func(own, other string) []byte {
		list := []cdb.Record{{Key: "other", Value: other}}
		if own != "" {
			list = append(list, cdb.Record{Key: "home", Value: own})
		}
		return cdb.Make(list)
	}
	text := func(own, other string) []byte {
		if own != "" {
			own = "home:" + own + "\n"
		}
		return []byte("other:" + other + "\n" + own)
	}
	for form, make := range map[string]func(own, other string) []byte{"vpasswd": text, "vpasswd.cdb": database} {
		for name, test := range map[string]struct{ own, other, reason string }{
			"password":  {"other hash:1:0:box:/d/home:NOQUOTA:secret", other, endsByPassword},
			"removed":   {"", other, endsByRemoval},
			"another's": {own, "y:1:0:box:/d/other:NOQUOTA:y", ""},
		} {
			t.Run(form+", "+name, func(t *testing.T) {
				t.Parallel()
				s := newRightsSite(t)
				file := filepath.Join(filepath.Dir(s.home), form)
				s.replace(file, make(own, other), 0o644)
				p := s.start(t)
				p.Run(turn)
				s.replace(file, make(test.own, test.other), 0o644)
				if test.reason == "" {
					s.stays(p)
				} else {
					s.ends(p, test.reason)
				}
			})
		}
	}
}

// TestLosesItsRightOnALocalDisk: without VODMR_LOOK it takes fifteen seconds.
func TestLosesItsRightOnALocalDisk(t *testing.T) {
	require.Time(t)
	t.Parallel()
	s := newRightsSite(t)
	s.cmd.Env = append(s.cmd.Env, "VODMR_LOOK=", "VODMR_NOOP=3600")
	p := s.start(t)
	p.Run(turn)
	s.compile("home@example.org:deny\n")
	p.Run(quit)
	if code, log := p.End(); code != 0 || !strings.Contains(log, endsByRule) {
		t.Errorf("exit code %d:\n%s", code, log)
	}
}
