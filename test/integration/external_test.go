package integration

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vodmr/fetch"
	"vodmr/test/kit/require"
)

// A keySite is a provider without any secret: the login's line has the hash of a key.
type keySite struct {
	*site
	file string // the customer's key
	key  *fetch.Key
}

// newKeySite makes one. TLS options come after -a any, and so may change it.
func newKeySite(t testing.TB, tls ...string) *keySite {
	t.Helper()
	k := &keySite{site: newSite(t)}
	k.file, k.key = k.newKey(t, "key.pem")
	self := account{os.Geteuid(), os.Getegid()}
	certificate := k.certify(t, self)
	k.front = append([]string{program(t, "vodmr-tls"), "-c", certificate.file, "-a", "any"}, tls...)
	if self.uid == 0 {
		k.front = append(k.front, "-u", "nobody")
	}
	k.checkpw = []string{program(t, "vodmr-checkpw"), k.knows(t, k.key.Hash.String())}
	k.trust = []string{"-F", certificate.sha256}
	return k
}

// newKey has atrn make a key.
func (k *keySite) newKey(t testing.TB, name string) (file string, key *fetch.Key) {
	t.Helper()
	file = filepath.Join(k.dir, name)
	code, output := run(t, sessionLimit, exec.Command(program(t, "atrn"), "-K", file))
	key, err := fetch.ReadKey(file)
	if code != 0 || err != nil || !strings.Contains(output, key.Hash.String()) {
		t.Fatalf("atrn -K exits %d: %s (%v)", code, output, err)
	}
	return file, key
}

// knows writes vodmr-checkpw's file: two logins, and the keys of the first.
func (k *keySite) knows(t testing.TB, keys string) string {
	t.Helper()
	path := filepath.Join(k.dir, "vpasswd")
	line := func(login, keys string) string {
		return fmt.Sprintf("%s:*:%d:%d:ODMR:%s:-:%s\n", login, k.owner.uid, k.owner.gid, k.home, keys)
	}
	_, other := k.newKey(t, "other.pem")
	account{os.Geteuid(), os.Getegid()}.write(t, path, line(k.login, keys)+line("other@"+k.domain, other.Hash.String()), 0o600)
	return path
}

// fetchBy makes a visit with a key and no password.
func (k *keySite) fetchBy(t testing.TB, p *provider, file string, args ...string) (code int, output string) {
	t.Helper()
	command := append([]string{"-u", k.login, "-K", file}, k.trust...)
	return run(t, sessionLimit, exec.Command(program(t, "atrn"), append(append(command, args...), p.addr())...))
}

// The whole chain without a secret on the front: by STARTTLS, and by TLS on connect.
func TestAtrnByExternal(t *testing.T) {
	t.Parallel()
	for mode, option := range map[string][]string{"starttls": {"-s"}, "tls": nil} {
		k := newKeySite(t, option...)
		p := k.listenAs(t, require.Program(t, "tcpserver"), "127.0.0.1")
		k.deliverVariety(t)
		inbox := filepath.Join(t.TempDir(), "Maildir")
		if code, output := k.fetchBy(t, p, k.file, "-T", mode, "-m", inbox); code != 0 {
			t.Fatalf("%s: atrn exits %d: %s", mode, code, output)
		}
		onceEach(t, k.site, inbox)
		if got := p.lines(t, "vodmr: ", " login user="+k.login+" mechanism=EXTERNAL "); len(got) != 1 {
			t.Errorf("%s: logins by EXTERNAL: got %q, want one", mode, got)
		}
		if got := p.lines(t, "vodmr-tls: "); len(got) > 0 {
			t.Errorf("%s: vodmr-tls complains: %q", mode, got)
		}
	}
}

// The key is what counts: not who signed the certificate, nor its dates. No other key, no
// key at all and no password opens the login.
func TestWhatOpensALoginByExternal(t *testing.T) {
	t.Parallel()
	k := newKeySite(t, "-s")
	p := k.listenAs(t, require.Program(t, "tcpserver"), "127.0.0.1")
	stranger, hash := k.newKey(t, "stranger.pem")
	for _, test := range []struct {
		name, file string
		code       int
		says       string
	}{
		{"its key", k.file, 0, "nothing waits"},
		{"its key, an expired certificate", k.expired(t), 0, "nothing waits"},
		{"a stranger's key", stranger, 77, "does not know the key " + hash.Hash.String() + " of the login " + k.login},
		{"another customer's key", filepath.Join(k.dir, "other.pem"), 77, "does not know the key"},
	} {
		inbox := filepath.Join(t.TempDir(), "Maildir")
		if code, output := k.fetchBy(t, p, test.file, "-m", inbox); code != test.code || !strings.Contains(output, test.says) {
			t.Errorf("%s: atrn exits %d: %s, want %d, %s", test.name, code, output, test.code, test.says)
		}
	}
	if got := p.lines(t, "vodmr-checkpw: ", hash.Hash.String()+" is not the key of "+k.login); len(got) != 1 {
		t.Errorf("the log names the stranger's key in %q, want one line", got)
	}
	for _, password := range []string{k.key.Hash.String(), "*", k.password} {
		require.OK(t, os.WriteFile(k.passfile, []byte(password+"\n"), 0o600))
		if code, output := k.atrn(t, p, "-m", filepath.Join(t.TempDir(), "Maildir")); code != 77 {
			t.Errorf("password %q: atrn exits %d: %s", password, code, output)
		}
	}
}

// expired makes a file with the key and a certificate of it that has expired.
func (k *keySite) expired(t testing.TB) string {
	t.Helper()
	is := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(86400, 0)}
	private := k.key.Certificate.PrivateKey.(crypto.Signer)
	der, err := x509.CreateCertificate(rand.Reader, is, is, private.Public(), private)
	require.OK(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.OK(t, err)
	file := filepath.Join(k.dir, "expired.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	require.OK(t, os.WriteFile(file, text, 0o600))
	return file
}

// If somebody takes EXTERNAL away, or the provider does not ask for the certificate, atrn
// tries nothing weaker. A CA that did not sign it ends TLS.
func TestExternalIsNotDowngraded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(k *keySite)
		says   string
	}{
		"not asked for": {func(k *keySite) { k.front = without(k.front, "-a", "any") }, "no other one is tried"},
		"vchkpw":        {func(k *keySite) { k.checkpw = []string{program(t, "vchkpw")} }, "no other one is tried"},
		"no TLS":        {func(k *keySite) { k.front = nil }, "offers no STARTTLS"},
		"a CA": {func(k *keySite) {
			k.front = append(without(k.front, "-a", "any"), "-a", filepath.Join(k.dir, "public.pem"))
		}, "the provider ended TLS: it may want a certificate that a CA has signed"},
	} {
		k := newKeySite(t, "-s")
		test.change(k)
		p := k.listenAs(t, require.Program(t, "tcpserver"), "127.0.0.1")
		code, output := k.fetchBy(t, p, k.file, "-m", filepath.Join(t.TempDir(), "Maildir"))
		if code != 111 || !strings.Contains(output, test.says) {
			t.Errorf("%s: atrn exits %d: %s, want 111, %s", name, code, output, test.says)
		}
		if got := p.lines(t, "mechanism="); len(got) > 0 {
			t.Errorf("%s: a login was tried: %q", name, got)
		}
	}
}

// without leaves an option and its value out of a command line.
func without(command []string, option, value string) []string {
	text := strings.Replace("\n"+strings.Join(command, "\n")+"\n", "\n"+option+"\n"+value+"\n", "\n", 1)
	return strings.Split(strings.Trim(text, "\n"), "\n")
}

// A real Exim (GnuTLS, as Debian has it), logs in by its own external authenticator with the file
// that atrn -K made. It then wants to send mail, which no provider takes.
func TestEximByExternal(t *testing.T) {
	t.Parallel()
	k := newKeySite(t, "-s")
	p := k.listenAs(t, require.Program(t, "tcpserver"), "127.0.0.1")
	stranger, _ := k.newKey(t, "stranger.pem")
	for _, test := range []struct{ file, reply, event string }{
		{k.file, "<< 235 2.7.0 ", "login"},
		{stranger, "<< 535 5.7.8 ", "refused"},
	} {
		r := newInstalled(t)
		r.port = p.port
		installed.mkdir(t, filepath.Join(r.dir, "spool"), 0o750)
		installed.mkdir(t, filepath.Join(r.dir, "logs"), 0o750)
		installed.write(t, filepath.Join(r.dir, "key.pem"), require.File(t, test.file), 0o600)
		conf := r.file(t, "exim.conf", strings.ReplaceAll(eximExternal, "@LOGIN@", k.login), 0o644)
		cmd := r.asInstalled(t, "exim4-daemon-light", "/usr/sbin/exim4", "-C", conf, "-v", "-odi", "-f", "<>", "bob@provider.test")
		cmd.Stdin = strings.NewReader("Subject: hello\n\nhello\n")
		_, output := run(t, sessionLimit, cmd)
		if !strings.Contains(output, ">> AUTH EXTERNAL") || !strings.Contains(output, test.reply) {
			t.Errorf("Exim was not answered %q: %s", test.reply, output)
		}
		if got := p.lines(t, "vodmr: ", " "+test.event+" user="+k.login+" mechanism=EXTERNAL "); len(got) != 1 {
			t.Errorf("%s by EXTERNAL: got %q, want one line", test.event, got)
		}
	}
}

// eximExternal is a customer's Exim that sends all to the provider's port.
const eximExternal = `exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = customer.example
spool_directory = @DIR@/spool
log_file_path = @DIR@/logs/%slog
keep_environment =
begin routers
provider:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = provider
begin transports
provider:
  driver = smtp
  port = @PORT@
  hosts_require_tls = *
  hosts_require_auth = *
  tls_certificate = @DIR@/key.pem
  tls_privatekey = @DIR@/key.pem
  tls_verify_certificates =
begin retry
* * F,1m,1m
begin authenticators
key:
  driver = external
  public_name = EXTERNAL
  client_send = @LOGIN@
`
