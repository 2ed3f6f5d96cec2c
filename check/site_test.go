package check

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/confine"
	"vodmr/internal/sys"
	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/require"
)

const (
	host   = "mail.provider.test"
	login  = "odmr@example.org"
	secret = "tanstaaf-In-Clear"
	crypt  = "$1$Secret12$SecretHashSecretHashS"
	other  = "Other-Secret-9"
)

// A testSite is a whole provider in a temporary folder, with nothing wrong.
type testSite struct {
	t      *testing.T
	root   string
	owner  int // of the mailboxes
	config Config
	system system
	report *report
	out    bytes.Buffer
	cert   *authority

	greeting string
	ehlo     string
	stopSend func()
	front    *frontServer
}

// good makes such a site.
func good(t *testing.T) *testSite {
	s := &testSite{
		t: t, root: t.TempDir(), owner: os.Geteuid(),
		greeting: "220 " + host + " on-demand mail relay",
		ehlo:     "250-" + host + "\r\n250-AUTH CRAM-MD5\r\n250-STARTTLS\r\n250 ATRN",
	}
	s.must(os.Chmod(filepath.Dir(s.root), 0o755)) // others must get to it
	if s.owner == 0 {
		s.owner = 1500
	}
	if err := may(ids{true, uint32(s.owner), uint32(s.owner)}, s.root, mayRun); err != nil {
		require.Skip(t, "TMPDIR is closed to others: %v", err)
	}
	s.qmail()
	s.domain()
	s.cert = newAuthority(t)
	s.service()
	s.config = Config{Dir: s.path("service"), Logins: []string{login}}
	s.system = system{
		now: time.Now(), proc: s.path("proc"), empty: s.path("empty"), waitIO: 10 * time.Second, look: time.Minute,
		lock: func(string) error { return nil },
		disk: func(string) (sys.Disk, error) {
			return sys.Disk{Size: 1 << 41, Free: 1 << 40, Files: 1 << 21, Unused: 1 << 20}, nil
		},
		user:     s.user,
		landlock: func() confine.Landlock { return confine.Landlock{Files: true, Ports: true} },
		roots:    s.cert.pool,
		tool:     func(string, ...string) (toolRun, error) { return toolRun{}, errNoTool },
		smtp:     1, patience: time.Minute, mailer: s.path("sendmail"),
	}
	s.front = &frontServer{site: s}
	return s
}

func (s *testSite) path(name string) string { return filepath.Join(s.root, name) }

func (s *testSite) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// write makes a file with the folders on its way. $ROOT stands for the site.
func (s *testSite) write(name, text string, mode os.FileMode) {
	s.t.Helper()
	path := s.path(name)
	s.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.must(os.WriteFile(path, []byte(strings.ReplaceAll(text, "$ROOT", s.root)), 0o600))
	s.must(os.Chmod(path, mode))
}

// owned makes a file or, without a text, a folder of the mailboxes' owner.
func (s *testSite) owned(name, text string, mode os.FileMode) {
	s.t.Helper()
	if text == "" {
		s.must(os.MkdirAll(s.path(name), 0o700))
		s.must(os.Chmod(s.path(name), mode))
	} else {
		s.write(name, text, mode)
	}
	if os.Geteuid() == 0 {
		s.must(os.Lchown(s.path(name), s.owner, s.owner))
	}
}

func (s *testSite) qmail() {
	s.write("qmail/control/me", host+"\n", 0o644)
	s.write("qmail/control/locals", "localhost\n"+host+"\n", 0o644)
	s.write("qmail/control/rcpthosts", "# ours\n"+host+"\nExample.org\n", 0o644)
	s.write("qmail/control/virtualdomains", "example.org:example.org\n", 0o644)
	s.write("qmail/bin/qmail-queue", "#!/bin/sh\n", 0o755|os.ModeSetuid)
	s.runSend()
	assign := strings.ReplaceAll("+example.org-:example.org:UID:UID:$ROOT/domains/example.org:-::\n.\n", "UID", strconv.Itoa(s.owner))
	s.write("qmail/users/assign", assign, 0o644)
	s.write("qmail/users/cdb", string(cdbmake.Assign(strings.ReplaceAll(assign, "$ROOT", s.root))), 0o644)
	s.age("qmail/users/assign")
}

// runSend holds the trigger open, as qmail-send does while it runs.
func (s *testSite) runSend() {
	s.must(os.MkdirAll(s.path("qmail/queue/lock"), 0o755))
	trigger := s.path("qmail/queue/lock/trigger")
	s.must(mkfifo(trigger))
	reader, err := unix.Open(trigger, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	s.must(err)
	s.stopSend = func() { unix.Close(reader); s.stopSend = func() {} }
	s.t.Cleanup(func() { s.stopSend() })
}

// age makes a file a minute older.
func (s *testSite) age(name string) {
	then := time.Now().Add(-time.Minute)
	s.must(os.Chtimes(s.path(name), then, then))
}

const domain = "domains/example.org/"

func (s *testSite) domain() {
	s.must(os.MkdirAll(s.path("domains"), 0o755))
	s.owned(domain, "", 0o700)
	s.owned(domain+".qmail-default", "| $ROOT/bin/vdelivermail '' $ROOT/domains/example.org/odmr\n", 0o600)
	s.vpasswd("NOQUOTA", crypt, secret)
	for _, name := range []string{"odmr", "odmr/Maildir", "odmr/Maildir/new", "odmr/Maildir/cur", "odmr/Maildir/tmp"} {
		s.owned(domain+name, "", 0o700)
	}
}

// vpasswd writes the domain's file of passwords.
func (s *testSite) vpasswd(quota, hash, clear string) {
	s.owned(domain+"vpasswd", "odmr:"+hash+":1:0:odmr:$ROOT/domains/example.org/odmr:"+quota+":"+clear+"\n", 0o600)
}

func (s *testSite) service() {
	for _, name := range []string{"vodmr-tls", "vodmr", "vchkpw", "vodmr-relay"} {
		s.write("bin/"+name, "#!/bin/sh\n", 0o755)
	}
	s.must(os.MkdirAll(s.path("empty"), 0o555))
	s.write("service/log/run", "#!/bin/sh\n", 0o755)
	s.write("service/env/CONCURRENCY", "40\n", 0o644)
	s.write("service/env/VODMR_WINDOW", "20\n", 0o644)
	s.run("")
	s.made("tcp", ":allow\n")
	s.made("rules", login+`:allow,VODMR_INTERVAL="60"`+"\n:deny\n")
	s.write("service/cert.pem", s.cert.issue(host, time.Now().Add(90*24*time.Hour)), 0o600)
}

// made writes a source and the cdb that is made of it.
func (s *testSite) made(name, text string) {
	s.write("service/"+name, text, 0o644)
	s.write("service/"+name+".cdb", string(cdbmake.Rules(text)), 0o644)
	s.age("service/" + name)
}

const script = `#!/bin/sh
# The chain.
exec 2>&1
exec envdir ./env sh -c '
  exec tcpserver -vRHl0 -x tcp.cdb -c"$CONCURRENCY" 127.0.0.1 PORT \
    $ROOT/bin/vodmr-tls -s -c cert.pem \
    $ROOT/bin/vodmr -T -U vpopmail HOST $ROOT/bin/vchkpw \
    $ROOT/bin/vodmr-relay -q $ROOT/qmail -x $ROOT/service/rules.cdb Maildir
'
`

// run writes the run script with replacements, pairs of old and new.
func (s *testSite) run(replacements ...string) {
	s.t.Helper()
	text := script
	for i := 0; i+1 < len(replacements); i += 2 {
		if !strings.Contains(text, replacements[i]) {
			s.t.Fatalf("the run script has no %q", replacements[i])
		}
		text = strings.ReplaceAll(text, replacements[i], replacements[i+1])
	}
	s.write("service/run", strings.ReplaceAll(text, "HOST", host), 0o755)
}

// user knows the accounts of this site.
func (s *testSite) user(name string) (ids, string, error) {
	if name == "vpopmail" {
		return ids{true, uint32(s.owner), uint32(s.owner)}, s.path("home"), nil
	}
	return ids{}, "", errors.New("unknown user " + name)
}

// ownerIsNotRoot skips a set-up that would say nothing about a user who is root.
func (s *testSite) ownerIsNotRoot() {
	if s.owner == 0 {
		require.Skip(s.t, "the mailboxes' owner is root")
	}
}

// listen answers on the port as vodmr would, and puts the port into run.
func (s *testSite) listen() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	s.t.Cleanup(func() { listener.Close() })
	s.config.Port = listener.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.answer(conn)
		}
	}()
}

func (s *testSite) answer(conn net.Conn) {
	defer conn.Close()
	if s.greeting == "" {
		return
	}
	_, _ = conn.Write([]byte(s.greeting + "\r\n"))
	buf := make([]byte, 512)
	for _, reply := range []string{s.ehlo, "221 bye"} {
		if _, err := conn.Read(buf); err != nil {
			return
		}
		_, _ = conn.Write([]byte(reply + "\r\n"))
	}
}

// look runs the checks, and returns the lines that are not ok.
func (s *testSite) look() (lines []string) {
	s.t.Helper()
	s.out.Reset()
	s.report = &report{out: &s.out}
	if s.config.Port == 0 {
		s.listen()
	}
	s.must(examine(s.config, s.system, s.report))
	for _, f := range s.report.findings {
		if f.severity != fine {
			lines = append(lines, strings.ReplaceAll(f.short(), s.root, "ROOT"))
		}
	}
	return lines
}

// short is a finding without its details.
func (f finding) short() string {
	severity, sentence, _ := f.kind.split()
	return string(severity) + " " + f.subject + ": " + sentence
}

// An authority issues certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key, a.cert = a.make("An Authority", nil, time.Now().Add(10*365*24*time.Hour))
	a.pool.AddCert(a.cert)
	return a
}

// make signs a certificate. If there is no authority yet, it signs itself.
func (a *authority) make(name string, names []string, until time.Time) (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: names,
		NotBefore: time.Now().Add(-30 * 24 * time.Hour), NotAfter: until, IsCA: names == nil, BasicConstraintsValid: true,
	}
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert
}

// below is an authority that this one has signed.
func (a *authority) below() *authority {
	key, cert := a.make("Another Authority", nil, time.Now().Add(365*24*time.Hour))
	return &authority{t: a.t, key: key, cert: cert}
}

// issue makes a file with a certificate and its key.
func (a *authority) issue(name string, until time.Time) string {
	key, cert := a.make(name, []string{name}, until)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}
