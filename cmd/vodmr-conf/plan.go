package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"vodmr/internal/account"
	"vodmr/internal/getopt"
)

// A service is all that is known about the directory to be made. The texts in
// files are written from it, so the fields that they use are exported.
type service struct {
	Dir, Host string
	Port      int
	Bin       string // the programs' folder, with a / at the end
	AsRoot    bool   // root starts it
	Account   string // the user that runs the checkpassword program; empty for our own
	Log       string // the user that multilog becomes; empty for our own
	STARTTLS  bool
	TLS       bool   // TLS at all
	TLSUser   string // the user of the process with the key; empty for our own
	Cert      string // empty for vodmr-tls's default
	Check     string
	Relay     string
	Qmail     string // QMAILHOME, if it is not the default
	MTA       string // the mail server that fills the Maildirs; empty for qmail
	Maildir   string // in a mailbox's home
	Vpasswd   string // vodmr-checkpw's file; empty with any other program
	Keys      bool   // the checkpassword program knows customers by their keys

	owner    *ids // of files that only tcpserver's user must read; nil for our own
	logOwner *ids // of the log; nil for ours
	talker   *ids // vodmr's process that strangers speak to; nil for ours

	DoorGroup string // may ask about recipients; empty for no door
	doorOwner *ids   // of the door: the Maildirs' owner, and that group
}

// ids are a user and its group.
type ids struct{ uid, gid int }

// accounts are the users that a service may run as.
type accounts struct {
	self   int // our own user id
	lookup func(name string) (*ids, error)
}

// systemAccounts are those of this machine.
func systemAccounts() accounts {
	return accounts{self: os.Geteuid(), lookup: func(name string) (*ids, error) {
		found, err := account.Find(name)
		return &ids{int(found.UID), int(found.GID)}, err
	}}
}

// programFolder is the folder of this program, and of all the others.
func programFolder() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Dir(path) + "/"
}

// plan makes the service of the options. The error joins all reasons against it.
func plan(o *flags, known accounts, bin string) (*service, error) {
	s := &service{
		Dir: filepath.Clean(o.dir), Host: o.host, Port: o.port, Bin: bin,
		STARTTLS: o.starttls, TLS: o.starttls || o.connect, Cert: o.cert,
		Relay: strings.Join(o.relay, " "), Maildir: "Maildir", MTA: o.mta, AsRoot: known.self == 0,
	}
	if !plain.MatchString(bin) {
		s.Bin = "" // PATH has to do
	}
	s.setCheck(o.check)
	return s, errors.Join(
		s.setTalker(known, o.account),
		s.setRelay(o.relay),
		s.setAccount(known, "ACCT", o.account, &s.Account, &s.owner),
		s.setAccount(known, "LOGACCT", o.logAccount, &s.Log, &s.logOwner),
		s.setTLSAccount(known, o.tlsAccount),
		s.setDoor(known, o.doorGroup, o.doorOwner, o.account))
}

// setAccount takes an account. Only root can become another user, and root need not become
// root.
func (s *service) setAccount(known accounts, what, name string, to *string, owner **ids) error {
	found, err := known.lookup(name)
	switch {
	case err != nil || !plain.MatchString(name):
		return fmt.Errorf("%s: there is no account %q here", what, name)
	case found.uid == known.self:
		return nil
	case known.self != 0:
		return fmt.Errorf("%s: only root can run something as %s: be root, or give your own account", what, name)
	}
	*to, *owner = name, found
	return nil
}

// setTalker sees that no other program has the account of vodmr's process that strangers
// speak to.
func (s *service) setTalker(known accounts, account string) error {
	if known.self != 0 {
		return nil
	}
	found, err := known.lookup("vodmr")
	if err != nil {
		return nil // vodmr takes another
	}
	s.talker = found
	if owner, err := known.lookup(account); err == nil && owner.uid == found.uid {
		return fmt.Errorf("ACCT: %s is the account that talks to the network: make another one for the mailboxes", account)
	}
	return nil
}

// setTLSAccount takes the account of the process that holds the key, which only root
// can have beside the others.
func (s *service) setTLSAccount(known accounts, name string) error {
	if !s.TLS || known.self != 0 {
		return nil
	}
	found, err := known.lookup(name)
	switch {
	case err != nil || !plain.MatchString(name):
		return fmt.Errorf("-u: there is no account %q here: make one that owns nothing", name)
	case found.uid == 0:
		return errors.New("-u: TLS needs an account that is not root's: make one that owns nothing")
	case s.owner != nil && found.uid == s.owner.uid:
		return errors.New("-u: the process with the key must not run as ACCT: make an account that owns nothing")
	case s.talker != nil && found.uid == s.talker.uid:
		return fmt.Errorf("-u: vodmr talks to the network as %s, which must not reach the key: make an account of its own", name)
	}
	s.TLSUser = name
	return nil
}

// setCheck takes the checkpassword program: ours is beside us.
func (s *service) setCheck(command string) {
	words := strings.Fields(command)
	s.Keys = filepath.Base(words[0]) == "vodmr-checkpw"
	if s.Keys && len(words) == 2 {
		s.Vpasswd = words[1]
	}
	if words[0] == "vodmr-checkpw" {
		words[0] = s.Bin + words[0]
	}
	s.Check = strings.Join(words, " ")
}

// runnable says why a checkpassword program cannot be run: nobody could log in.
func runnable(command string) error {
	program := strings.Fields(command)[0]
	if strings.Contains(program, "/") && !filepath.IsAbs(program) {
		return fmt.Errorf("CHECKPASSWORD %s must begin with /, or be a name in PATH; -f takes it as it is", program)
	}
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("CHECKPASSWORD cannot be run, so nobody could log in: %w; -f takes it as it is", err)
	}
	return nil
}

// passwords is the name of vodmr-checkpw's file if it lies in the service directory, and
// so has to be made.
func (s *service) passwords() string {
	if strings.Contains(s.Vpasswd, "/") {
		return ""
	}
	return s.Vpasswd
}

// AbsoluteVpasswd reports if vodmr-checkpw's file is found from any folder.
func (s *service) AbsoluteVpasswd() bool { return filepath.IsAbs(s.Vpasswd) }

// setRelay takes the arguments of vodmr-relay that vodmr-expire must have too.
func (s *service) setRelay(args []string) error {
	relay := getopt.Command{Program: "vodmr-relay", Flags: []getopt.Option{
		getopt.Path('q', "QMAILHOME", "", &s.Qmail),
		getopt.Value('x', "RULES.CDB", "", func(string) error { return errors.New("the rules are rules.cdb in DIR: leave it out") }),
	}}
	words, err := relay.Read(args)
	if err == nil && len(words) > 1 {
		err = errors.New("vodmr-relay takes one MAILDIR")
	}
	if err != nil {
		return fmt.Errorf("RELAYARG: %w", err)
	}
	s.Maildir = append(words, s.Maildir)[0]
	return nil
}

// next tells the admin the next steps.
func (s *service) next() string {
	name := filepath.Base(s.Dir)
	return s.Dir + " is made. Say who may fetch, in " + s.Dir + "/rules, and then:\n" +
		"  make -C " + s.Dir + "\n" +
		"  ln -s " + s.Dir + " /service/" + name + "\n" +
		"  ln -s " + s.Dir + "/expire /service/" + name + "expire\n" +
		"where svscan looks at /service; on Debian that is /etc/service.\n"
}
