package mtafront

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"vodmr/test/kit/installed"
)

// The customer's login, which holds Domain and AliasDomain.
const (
	Login    = "odmr@" + Domain
	Password = "tanstaaf tanstaaf"
)

// etc is the home of the control files, and of the login.
func (s *Server) etc(name string) string { return filepath.Join(s.Dir, "etc", name) }

// configure writes what vodmr reads: control/me, the login, and its domains.
func (s *Server) configure() error {
	account := fmt.Sprintf("%s::%d:%d::%s::%s\n", Login, MailUser, MailUser, s.Home(), Password)
	err := errors.Join(
		s.mkdir("etc", 0, 0o755),
		s.mkdir("etc/control", 0, 0o755),
		os.WriteFile(s.etc("control/me"), []byte(Host+"\n"), 0o644),
		os.WriteFile(s.etc("vpasswd"), []byte(account), 0o600),
		os.Chown(s.etc("vpasswd"), MailUser, MailUser))
	if err != nil {
		return err
	}
	compile := exec.Command("tcprules", s.etc("rules.cdb"), s.etc("rules.tmp"))
	compile.Stdin = strings.NewReader(fmt.Sprintf("%s:allow,VODMR_DOMAINS=\"%s,%s\"\n", Login, Domain, AliasDomain))
	out, err := compile.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: %w", installed.ErrMissing, err)
	}
	if err != nil {
		return fmt.Errorf("tcprules: %w: %s", err, out)
	}
	return nil
}

// Provider returns a command that runs tcpserver beside the mail server, with vodmr's
// chain of the programs in bin, on a port of 127.0.0.1 that it prints. The settings are
// variables for the chain. The caller starts the command, as root.
func (s *Server) Provider(bin string, settings ...string) (*exec.Cmd, error) {
	tcpserver, err := exec.LookPath("tcpserver")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", installed.ErrMissing, err)
	}
	user := fmt.Sprint(MailUser)
	cmd, err := installed.Enter(s.cmd, tcpserver, "-1", "-v", "-R", "-H", "-l0", "-c20", "-u"+user, "-g"+user, "127.0.0.1", "0",
		filepath.Join(bin, "vodmr"), Host, filepath.Join(bin, "vodmr-checkpw"), s.etc("vpasswd"),
		filepath.Join(bin, "vodmr-relay"), "-q", s.etc(""), "-x", s.etc("rules.cdb"), "Maildir")
	if err != nil {
		return nil, err
	}
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "VODMR_MTA=" + s.MTA}, settings...)
	return cmd, nil
}
