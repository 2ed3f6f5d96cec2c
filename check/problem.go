package check

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"vodmr/internal/version"
	"vodmr/qmail"
)

// printReport prints what a problem report needs besides the findings: versions, settings,
// and files' modes. No password is among it: only our own variables are shown with their
// values, and only our programs with their arguments.
func printReport(s *site, r *report) {
	r.print("--- versions")
	printVersions(r)
	r.print("--- service " + cmp.Or(s.Dir, "(none)"))
	printService(s, r)
	r.print("--- control files in " + s.Qmail)
	printControl(s, r)
	r.print("--- rules " + cmp.Or(s.Rules, "(none)"))
	printRules(s, r)
	r.print("--- files")
	printFiles(s, r)
	r.print("--- findings")
}

func printVersions(r *report) {
	r.print(strings.TrimSpace(version.Line("vodmr-check")) + ", " + runtime.Version())
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		r.printf("%s %s %s, %d processors, uid %d", unix.ByteSliceToString(name.Sysname[:]),
			unix.ByteSliceToString(name.Release[:]), unix.ByteSliceToString(name.Machine[:]), runtime.NumCPU(), os.Geteuid())
	}
	if text, err := qmail.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				r.print(printable(strings.Trim(strings.TrimSpace(value), `"`)))
			}
		}
	}
}

// printService prints the facts from the run script. The arguments of the checkpassword
// program and of other programs may be secrets and are left out.
func printService(s *site, r *report) {
	c := &s.service
	if c.tcp.found {
		r.printf("tcpserver %s port %d, at most %d, rules %s, as %v",
			c.tcp.host, c.tcp.port, c.tcp.slots, cmp.Or(c.tcp.rules, "none"), c.tcp.runsAs)
	}
	if c.tls.found {
		r.printf("vodmr-tls starttls %v, certificate %s, key %s, account %s, program as %v",
			c.tls.starttls, c.tls.cert, c.tls.key, cmp.Or(c.tls.account, "none"), c.runsAs())
	}
	if c.vodmr.found {
		r.printf("vodmr %s, port %d for the checkpassword program, only with TLS %v",
			c.vodmr.host, c.vodmr.port, c.vodmr.needTLS)
	}
	if len(c.prog) > 0 {
		r.printf("checkpassword program %s with %d arguments", c.prog[0], len(c.prog)-1)
	}
	if c.relay.found {
		r.printf("vodmr-relay qmail %s, rules %s, maildir %s",
			cmp.Or(c.relay.qmail, qmail.DefaultHome), cmp.Or(c.relay.rules, "none"), c.relay.maildir)
	}
	printEnv(r, "env", c.env)
}

// printEnv prints variables: the values of ours, the names of all others.
func printEnv(r *report, what string, env map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		value := "(left out)"
		if slices.Contains(settings(), name) || name == "CONCURRENCY" || name == "PATH" {
			value = env[name]
		}
		r.printf("%s %s=%s", what, name, value)
	}
}

// printControl prints the control files that concern us.
func printControl(s *site, r *report) {
	for _, name := range []string{
		"me", "helohost", "bouncefrom", "bouncehost", "bouncemaxbytes", "doublebounceto", "doublebouncehost",
		"queuelifetime", "timeoutremote",
	} {
		line, found, err := s.line(name)
		if found {
			r.printf("%s: %s", name, line)
		}
		if err != nil {
			r.printf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"locals", "rcpthosts", "virtualdomains"} {
		lines, err := s.list(name)
		if errors.Is(err, unix.ENOENT) {
			r.print(name + ": not there")
			continue
		}
		r.printf("%s: %d lines", name, len(lines))
	}
}

func printRules(s *site, r *report) {
	if s.rules == nil {
		return
	}
	_ = s.rules.Each(func(key string, rule qmail.Rule) {
		verb := "allow"
		if rule.Deny {
			verb = "deny"
		}
		r.printf("%s:%s", key, verb)
		printEnv(r, "  "+key, rule.Env)
	})
}

// printFiles prints the modes of the files that the checks look at.
func printFiles(s *site, r *report) {
	paths := []string{s.Qmail, s.home.Path("control"), s.home.Path("users/cdb"), s.home.Path("bin/qmail-queue")}
	if s.Dir != "" {
		for _, name := range []string{"", "run", "log/run", "env", "tcp.cdb", "rules.cdb"} {
			paths = append(paths, filepath.Join(s.Dir, name))
		}
	}
	if s.service.tls.found {
		paths = append(paths, s.service.path(s.service.tls.cert), s.service.path(s.service.tls.key))
	}
	for _, name := range append(s.service.runs, s.service.prog...) {
		if strings.HasPrefix(name, "/") {
			paths = append(paths, name)
		}
	}
	for _, m := range s.mailboxes {
		if m.found() {
			paths = append(paths, m.files()...)
		}
	}
	for _, path := range slices.Compact(paths) {
		printFile(r, path)
	}
}

// files are the files and folders that a mailbox's mail depends on.
func (m *mailbox) files() []string {
	paths := []string{m.home}
	for _, name := range []string{"", "new", "cur", "maildirsize", "vodmr.lock", "vodmr.notes"} {
		paths = append(paths, filepath.Join(m.maildir(), name))
	}
	if m.domain != nil {
		paths = append(paths, m.domain.Dir, m.domain.Dir+"/.qmail-default", m.domain.Dir+"/vpasswd")
	}
	return paths
}

func printFile(r *report, path string) {
	st, err := stat(path)
	if err != nil && !missing(err) {
		r.printf("%v", err)
	} else if err == nil {
		r.printf("%v %d:%d %d %s %s", st.mode, st.uid, st.gid, st.size, st.changed.UTC().Format("2006-01-02T15:04:05Z"), path)
	}
}
