package mtafront

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"vodmr/test/kit/overlay"
)

// The customer's login, which holds Domain and AliasDomain.
const (
	Login    = "odmr@" + Domain
	Password = "tanstaaf tanstaaf"
)

// etc is the home of the control files, and of the login.
func (s *Server) etc(name string) string { return filepath.Join(s.Dir, "etc", name) }

// configure writes what vodmr reads: control/me, the login, its domains, and the service.
func (s *Server) configure() error {
	account := fmt.Sprintf("%s::%d:%d::%s::%s\n", Login, MailUser, MailUser, s.Home(), Password)
	err := errors.Join(
		s.mkdir("etc", 0, 0o755),
		s.mkdir("etc/control", 0, 0o755),
		os.WriteFile(s.etc("control/me"), []byte(Host+"\n"), 0o644),
		os.WriteFile(s.etc("vpasswd"), []byte(account), 0o600),
		os.Chown(s.etc("vpasswd"), MailUser, MailUser),
		s.mkdir("etc/env", 0, 0o755),
		os.WriteFile(s.etc("env/VODMR_MTA"), []byte(s.MTA+"\n"), 0o644),
		os.WriteFile(s.etc("run"), []byte("#!/bin/sh\nexec 2>&1\nexec "+strings.Join(s.chain(), " ")+"\n"), 0o755))
	if err != nil {
		return err
	}
	compile := exec.Command("tcprules", s.etc("rules.cdb"), s.etc("rules.tmp"))
	compile.Stdin = strings.NewReader(fmt.Sprintf("%s:allow,VODMR_DOMAINS=\"%s,%s\"\n", Login, Domain, AliasDomain))
	out, err := compile.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: %w", overlay.ErrMissing, err)
	}
	if err != nil {
		return fmt.Errorf("tcprules: %w: %s", err, out)
	}
	return nil
}

// chain is the command of the service.
func (s *Server) chain() []string {
	user := fmt.Sprint(MailUser)
	return []string{"tcpserver", "-1", "-v", "-R", "-H", "-l0", "-c20", "-u" + user, "-g" + user, "127.0.0.1", "0",
		filepath.Join(s.bin, "vodmr"), Host, filepath.Join(s.bin, "vodmr-checkpw"), s.etc("vpasswd"),
		filepath.Join(s.bin, "vodmr-relay"), "-q", s.etc(""), "-x", s.etc("rules.cdb"), "Maildir"}
}

// searched are the folders of the mail servers' programs.
const searched = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

// Provider returns a command that runs the service beside the mail server, on a port of
// 127.0.0.1 that it prints. The settings are variables for it. The caller starts the
// command, as root.
func (s *Server) Provider(settings ...string) (*exec.Cmd, error) {
	if _, err := exec.LookPath("tcpserver"); err != nil {
		return nil, fmt.Errorf("%w: %w", overlay.ErrMissing, err)
	}
	cmd, err := overlay.Enter(s.cmd, s.chain()...)
	if err != nil {
		return nil, err
	}
	cmd.Env = append([]string{searched, "VODMR_MTA=" + s.MTA}, settings...)
	return cmd, nil
}

// Check returns a command that runs vodmr-check beside the mail server, as root. It sees no
// port of this machine, so that a mail server of its own is not asked. The caller starts
// the command.
func (s *Server) Check(args ...string) (*exec.Cmd, error) {
	alone := []string{"unshare", "--net", "--", "sh", "-c", `ip link set lo up && exec "$@"`, "sh"}
	check := []string{filepath.Join(s.bin, "vodmr-check"), "-d", s.etc(""), "-q", s.etc("")}
	cmd, err := overlay.Enter(s.cmd, slices.Concat(alone, check, args)...)
	if err != nil {
		return nil, err
	}
	cmd.Env = []string{searched}
	return cmd, nil
}

// Sendmail returns a command that submits a message by the mail server's sendmail(1). The caller
// starts it, as root.
func (s *Server) Sendmail(args ...string) (*exec.Cmd, error) {
	cmd, err := overlay.Enter(s.cmd, append([]string{"/usr/sbin/sendmail"}, args...)...)
	if err != nil {
		return nil, err
	}
	cmd.Env = []string{searched}
	return cmd, nil
}
