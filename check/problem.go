package check

import (
	"errors"
	"fmt"
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

// printReport prints what a problem report needs besides the findings: versions,
// the settings, and files' modes. Passwords are not among it: of variables only
// our own are shown with their values, and of the run script only our programs.
func (d *doctor) printReport() {
	d.print("--- versions")
	d.printVersions()
	d.print("--- service " + first(d.Dir, "(none)"))
	d.printService()
	d.print("--- control files in " + d.Qmail)
	d.printControl()
	d.print("--- rules " + first(d.Rules, "(none)"))
	d.printRules()
	d.print("--- files")
	d.printFiles()
	d.print("--- findings")
}

func (d *doctor) printVersions() {
	d.print(strings.TrimSpace(version.Line("vodmr-check")) + ", " + runtime.Version())
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		d.printf("%s %s %s, %d processors, uid %d", unix.ByteSliceToString(name.Sysname[:]),
			unix.ByteSliceToString(name.Release[:]), unix.ByteSliceToString(name.Machine[:]), runtime.NumCPU(), os.Geteuid())
	}
	if text, err := qmail.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				d.print(printable(strings.Trim(strings.TrimSpace(value), `"`)))
			}
		}
	}
}

// printService prints what was understood of the run script. The checkpassword
// program's arguments may be secrets, as may be what other programs are told.
func (d *doctor) printService() {
	s := &d.service
	if s.tcp.found {
		d.printf("tcpserver %s port %d, at most %d, rules %s, as %v",
			s.tcp.host, s.tcp.port, s.tcp.slots, first(s.tcp.rules, "none"), s.tcp.who)
	}
	if s.tls.found {
		d.printf("vodmr-tls starttls %v, certificate %s, key %s, account %s, program as %v",
			s.tls.starttls, s.tls.cert, s.tls.key, first(s.tls.account, "none"), s.who())
	}
	if s.vodmr.found {
		d.printf("vodmr %s, port %d for the checkpassword program, only with TLS %v",
			s.vodmr.host, s.vodmr.port, s.vodmr.needTLS)
	}
	if len(s.prog) > 0 {
		d.printf("checkpassword program %s with %d arguments", s.prog[0], len(s.prog)-1)
	}
	if s.relay.found {
		d.printf("vodmr-relay qmail %s, rules %s, maildir %s",
			first(s.relay.qmail, qmail.DefaultHome), first(s.relay.rules, "none"), s.relay.maildir)
	}
	d.printEnv("env", s.env)
}

// printEnv prints variables: the values of ours, the names of all others.
func (d *doctor) printEnv(what string, env map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		value := "(left out)"
		if slices.Contains(settings(), name) || name == "CONCURRENCY" || name == "PATH" {
			value = env[name]
		}
		d.print(printable(what + " " + name + "=" + value))
	}
}

// printControl prints the control files that concern us.
func (d *doctor) printControl() {
	for _, name := range []string{
		"me", "helohost", "bouncefrom", "bouncehost", "bouncemaxbytes", "doublebounceto", "doublebouncehost",
		"queuelifetime", "timeoutremote",
	} {
		err := d.inControl(func() error {
			line, found, err := d.home.Line(name)
			if found {
				d.print(printable(name + ": " + line))
			}
			return err
		})
		if err != nil {
			d.print(printable(name + ": " + err.Error()))
		}
	}
	for _, name := range []string{"locals", "rcpthosts", "virtualdomains"} {
		lines, err := d.list(name)
		if errors.Is(err, unix.ENOENT) {
			d.print(name + ": not there")
			continue
		}
		d.print(fmt.Sprintf("%s: %d lines", name, len(lines)))
	}
}

func (d *doctor) printRules() {
	rules, err := d.rules()
	if err != nil {
		return
	}
	defer rules.Close()
	_ = rules.Each(func(key string, rule qmail.Rule) error {
		verb := "allow"
		if rule.Deny {
			verb = "deny"
		}
		d.print(printable(key + ":" + verb))
		d.printEnv("  "+key, rule.Env)
		return nil
	})
}

// printFiles prints the modes of what was looked at.
func (d *doctor) printFiles() {
	paths := []string{d.Qmail, d.home.Path("control"), d.home.Path("users/cdb"), d.home.Path("bin/qmail-queue")}
	if d.Dir != "" {
		for _, name := range []string{"", "run", "log/run", "env", "tcp.cdb", "rules.cdb"} {
			paths = append(paths, filepath.Join(d.Dir, name))
		}
	}
	if d.service.tls.found {
		paths = append(paths, d.service.path(d.service.tls.cert), d.service.path(d.service.tls.key))
	}
	for _, name := range append(d.service.runs, d.service.prog...) {
		if strings.HasPrefix(name, "/") {
			paths = append(paths, name)
		}
	}
	paths = append(paths, d.mailboxFiles()...)
	for _, path := range slices.Compact(paths) {
		d.printFile(path)
	}
}

func (d *doctor) mailboxFiles() (paths []string) {
	for _, m := range d.mailboxes() {
		dir := within(m.home, d.maildir())
		paths = append(paths, m.home)
		for _, name := range []string{"", "new", "cur", "maildirsize", "vodmr.lock", "vodmr.notes"} {
			paths = append(paths, filepath.Join(dir, name))
		}
		if m.domain != nil {
			paths = append(paths, m.domain.Dir, m.domain.Dir+"/.qmail-default", m.domain.Dir+"/vpasswd")
		}
	}
	return paths
}

func (d *doctor) printFile(path string) {
	s, err := stat(path)
	if missing(err) {
		return
	}
	if err != nil {
		d.print(printable(err.Error()))
		return
	}
	d.printf("%v %d:%d %d %s %s", s.mode, s.uid, s.gid, s.size, s.changed.UTC().Format("2006-01-02T15:04:05Z"), path)
}
