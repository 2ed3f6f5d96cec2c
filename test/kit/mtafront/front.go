// Package mtafront runs real mail servers as fronts: each takes mail for the customer's
// domains by SMTP and puts it into one Maildir, for vodmr-relay. A bounce that is handed
// to its sendmail(1) reaches the sender: the same server takes mail for the senders' domain too.
package mtafront

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"vodmr/test/kit/overlay"
)

// The names that each front knows.
const (
	Host         = "mail.provider.test" // the front's own
	Domain       = "example.org"        // the customer's
	AliasDomain  = "alias.example"      // another name of the customer's domain
	SenderDomain = "sender.test"        // the senders', at the same server
)

// MailUser owns the Maildirs.
const MailUser = 47110

// startLimit is how long a front may take until it greets.
const startLimit = time.Minute

// A Kind is one way to set up one mail server.
type Kind struct {
	// ID is a short name without blanks.
	ID, Name string
	// MTA is the value of VODMR_MTA for it.
	MTA      string
	packages []string // to be unpacked by scripts/test
	programs []string // to be installed
	accounts []string
	files    []file
	run      string // a script that becomes the server
	// queue are folders below the front's that are empty when all is delivered. Messages
	// move from the first to the last.
	queue []string
}

// A file is one of the server's configuration. @DIR@ in it means the front's folder and
// @PORT@ its port.
type file struct{ path, text string }

// Kinds are all fronts.
func Kinds() []Kind {
	return []Kind{postfixVirtual(), postfixMaps(), postfixAliases(), postfixRelay(), postfixForward(), exim(), openSMTPD(), dovecot()}
}

// Careless are fronts that deliver a message for several recipients without telling the
// recipient of each file.
func Careless() []Kind {
	many := exim()
	many.ID, many.Name = "exim-batch", "Exim without batch_max"
	many.files = []file{{"exim4.conf", strings.Replace(eximConf, "batch_max = 1", "batch_max = 100", 1)}}
	together := dovecotWith("dovecot-together", "lmtp_destination_recipient_limit = 50")
	together.Name = "Dovecot's LMTP, several recipients a transaction"
	return []Kind{many, together}
}

// A Server is a running front.
type Server struct {
	Kind
	Dir  string // all of it is below
	Port string // of SMTP, on 127.0.0.1

	bin string // vodmr's programs
	cmd *exec.Cmd
}

// Home is the folder with the Maildir that the customer's mail waits in.
func (s *Server) Home() string { return filepath.Join(s.Dir, "mail/odmr") }

// Maildir is where the customer's mail waits.
func (s *Server) Maildir() string { return filepath.Join(s.Home(), "Maildir") }

// Senders is the Maildir of all at SenderDomain and of all of the front's own addresses.
func (s *Server) Senders() string { return filepath.Join(s.Dir, "mail/senders/Maildir") }

// Log is the file with the server's own words.
func (s *Server) Log() string { return filepath.Join(s.Dir, "log/server") }

// Start starts a front in an empty folder that all may enter, on a free port of
// 127.0.0.1. Only root can. bin is the folder of vodmr's programs. The error is
// overlay.ErrMissing if the machine lacks something that the front needs.
func (k Kind) Start(dir, port, bin string) (*Server, error) {
	s := &Server{Kind: k, Dir: dir, Port: port, bin: bin}
	tree := overlay.Tree{Dir: dir, Folders: []string{bin}, Host: Host,
		Accounts: append([]string{fmt.Sprintf("odmr:%d:%s", MailUser, s.Home())}, k.accounts...)}
	for _, name := range k.packages {
		unpacked, err := overlay.Package(name)
		if err != nil {
			return nil, err
		}
		tree.Packages = append(tree.Packages, unpacked)
	}
	for _, program := range k.programs {
		if _, err := os.Stat(program); err != nil {
			return nil, fmt.Errorf("%w: %w", overlay.ErrMissing, err)
		}
	}
	err := errors.Join(s.write(), s.configure())
	if err != nil {
		return nil, err
	}
	if s.cmd, err = tree.Command("/bin/sh", filepath.Join(dir, "run")); err != nil {
		return nil, err
	}
	return s, s.start()
}

// write makes the folders and the files of the configuration.
func (s *Server) write() error {
	var errs []error
	for _, dir := range []string{"mail", "mail/odmr", "mail/senders"} {
		errs = append(errs, s.mkdir(dir, MailUser, 0o755))
	}
	for _, box := range []string{"mail/odmr/Maildir", "mail/senders/Maildir"} {
		for _, sub := range []string{"", "/tmp", "/new", "/cur"} {
			errs = append(errs, s.mkdir(box+sub, MailUser, 0o700))
		}
	}
	errs = append(errs, s.mkdir("log", 0, 0o777), s.mkdir("spool", 0, 0o711))
	for _, f := range append(s.files, file{"run", s.run}) {
		text := strings.NewReplacer("@DIR@", s.Dir, "@PORT@", s.Port).Replace(f.text)
		errs = append(errs, os.WriteFile(filepath.Join(s.Dir, f.path), []byte(text), 0o644))
	}
	return errors.Join(errs...)
}

func (s *Server) mkdir(name string, owner int, mode os.FileMode) error {
	dir := filepath.Join(s.Dir, name)
	// Mkdir obeys the umask.
	return errors.Join(os.Mkdir(dir, mode), os.Chmod(dir, mode), os.Chown(dir, owner, owner))
}

func (s *Server) start() error {
	log, err := os.OpenFile(s.Log(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(startLimit); !greets(s.Port); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			text, _ := os.ReadFile(s.Log())
			s.Stop()
			return fmt.Errorf("%s does not greet: %s", s.Name, text[max(0, len(text)-4000):])
		}
	}
	return nil
}

// greets reports if a server on 127.0.0.1 says 220.
func greets(port string) bool {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	greeting, err := bufio.NewReader(conn).ReadString('\n')
	_, _ = conn.Write([]byte("QUIT\r\n"))
	return err == nil && strings.HasPrefix(greeting, "220")
}

// Stop ends the server and all that runs in its namespace.
func (s *Server) Stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// Idle reports if the server has delivered all that it took.
func (s *Server) Idle() bool {
	for _, dir := range s.queue {
		empty := true
		_ = filepath.WalkDir(filepath.Join(s.Dir, dir), func(_ string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				empty = false
			}
			return nil
		})
		if !empty {
			return false
		}
	}
	return true
}
