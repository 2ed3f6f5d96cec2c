package fetch

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// newTestKey makes a key as atrn -K does.
func newTestKey(t *testing.T) (key *Key, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "key.pem")
	key, made, err := ReadOrMakeKey(file)
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	return key, file
}

// The file is the owner's alone and stays as it is; its certificate is of its key and does
// not expire.
func TestReadOrMakeKey(t *testing.T) {
	key, file := newTestKey(t)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	second, made, err := ReadOrMakeKey(file)
	if err != nil || made || second.Hash != key.Hash {
		t.Errorf("read again: %v, %v, %v", second, made, err)
	}
	leaf, err := x509.ParseCertificate(key.Certificate.Certificate[0])
	if err != nil || leaf.CheckSignatureFrom(leaf) == nil && leaf.IsCA || leaf.NotAfter.Year() != 9999 || sha256.Sum256(leaf.RawSubjectPublicKeyInfo) != key.Hash {
		t.Errorf("%+v, %v", leaf, err)
	}
	if other, _ := newTestKey(t); other.Hash == key.Hash {
		t.Error("two files have one key")
	}
}

func TestKeysThatAreNone(t *testing.T) {
	_, file := newTestKey(t)
	_, second := newTestKey(t)
	text, other := require.File(t, file), require.File(t, second)
	certificate := text[strings.Index(text, "-----BEGIN CERT"):]
	private := strings.TrimSuffix(text, certificate)
	for name, test := range map[string]struct {
		text, want string
		mode       os.FileMode
	}{
		"nothing":             {"", "no private key", 0o600},
		"a certificate alone": {certificate, "no private key", 0o600},
		"two keys":            {private + other, "two keys", 0o600},
		"another's":           {private + other[len(private):], "does not match", 0o600},
		"damaged":             {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no pass phrase", 0o600},
		"for a group":         {text, "run chmod 600", 0o640},
	} {
		path := filepath.Join(t.TempDir(), "key")
		require.OK(t, os.WriteFile(path, []byte(test.text), 0o600))
		require.OK(t, os.Chmod(path, test.mode))
		_, _, err := ReadOrMakeKey(path)
		if ExitCode(err) != ExitMisuse || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if got := require.File(t, path); got != test.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, _, err := ReadOrMakeKey(filepath.Join(t.TempDir(), "none", "key")); ExitCode(err) != ExitMisuse || !strings.Contains(err.Error(), "cannot make the key") {
		t.Errorf("got %v", err)
	}
}

// A key without a certificate will do, in the forms that openssl writes.
func TestParseKeyWithoutCertificate(t *testing.T) {
	key, file := newTestKey(t)
	pkcs8, _ := pem.Decode([]byte(require.File(t, file)))
	sec1, err := x509.MarshalECPrivateKey(key.Certificate.PrivateKey.(*ecdsa.PrivateKey))
	require.OK(t, err)
	for _, block := range []*pem.Block{pkcs8, {Type: "EC PRIVATE KEY", Bytes: sec1}} {
		got, err := ParseKey(append([]byte("a remark\n"), pem.EncodeToMemory(block)...))
		if err != nil || got.Hash != key.Hash {
			t.Errorf("%s: %v, %v", block.Type, got, err)
		}
	}
}

// An invitation's file may hold the key beside the line.
func TestInvitationWithKey(t *testing.T) {
	key, file := newTestKey(t)
	text := require.File(t, file)
	for name, test := range map[string]struct{ text, want string }{
		"behind":         {"# a provider\natrn://joe@h/?external\n" + text, ""},
		"in front":       {text + "atrn://joe@h/\r\n", ""},
		"and a password": {"atrn://joe:SECRET@h\n" + text, "a password and a key"},
		"two lines":      {"atrn://joe@h/?external\n" + text + "atrn://joe@h\n", "more than one line"},
		"damaged":        {"atrn://joe@h/?external\n-----BEGIN PRIVATE KEY-----\n", "no private key"},
		"the key alone":  {text, "it is empty"},
	} {
		path := filepath.Join(t.TempDir(), "invitation")
		require.OK(t, os.WriteFile(path, []byte(test.text), 0o600))
		i, err := ReadInvitation(path)
		if test.want == "" && (err != nil || i.Key == nil || i.Key.Hash != key.Hash || i.Login.User != "joe") {
			t.Errorf("%s: %+v, %v", name, i, err)
		}
		if test.want != "" && (ExitCode(err) != ExitMisuse || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "SECRET")) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// byKey begins a session that logs in by a key, up to the EHLO lines under TLS. asks says
// how the provider asks for a certificate.
func byKey(t *testing.T, asks tls.ClientAuthType, ehlo string) (v *visit, key *Key, shown tls.ConnectionState) {
	t.Helper()
	key, _ = newTestKey(t)
	self := issue(t, lasting(testHost, false), nil)
	v = start(t, Session{Sink: none{t}, TLS: TLS{Host: testHost, Pin: pin(self), Key: key}})
	v.play(startingTLS)
	shown, err := v.handshake(&tls.Config{Certificates: []tls.Certificate{self.Certificate}, ClientAuth: asks, ClientCAs: pool(self)})
	if err != nil {
		return v, key, shown
	}
	v.play(strings.ReplaceAll(ehloUnderTLS, "PLAIN LOGIN CRAM-MD5", ehlo))
	return v, key, shown
}

func TestExternal(t *testing.T) {
	v, key, shown := byKey(t, tls.RequestClientCert, "PLAIN CRAM-MD5 EXTERNAL")
	if len(shown.PeerCertificates) != 1 || sha256.Sum256(shown.PeerCertificates[0].RawSubjectPublicKeyInfo) != key.Hash {
		t.Errorf("shown: %v", shown.PeerCertificates)
	}
	v.play("\t\tA: AUTH EXTERNAL " + base64.StdEncoding.EncodeToString([]byte(testLogin.User)) + "\n" + nothingWaits)
	v.end(ExitFetched, "")
}

// With a key no other login is tried, whatever the provider offers or refuses: a password
// is sent to nobody, and somebody on the line gains nothing by taking the offer away.
func TestExternalFallsBackToNothing(t *testing.T) {
	for _, offered := range []string{"PLAIN LOGIN CRAM-MD5", "PLAIN"} {
		v, key, _ := byKey(t, tls.NoClientCert, offered)
		v.play(quitting)
		v.end(ExitLater, "the provider offers no login by a key (EXTERNAL)*-a any*`vodmr-front -k "+key.Hash.String()+" odmr@example.org' there*")
	}
	for reply, exit := range map[string]int{"535 5.7.8 no": ExitLogin, "504 5.5.4 what": ExitLater, "454 4.7.0 no": ExitLater, "334 ": ExitLater} {
		v, key, _ := byKey(t, tls.RequestClientCert, "PLAIN CRAM-MD5 EXTERNAL")
		v.play("\t\tA: AUTH EXTERNAL *\n\t\tP: " + reply + "\n" + quitting)
		want := "*" + strings.TrimSpace(reply) + "*"
		if exit == ExitLogin {
			want = "*does not know the key " + key.Hash.String() + " of the login odmr@example.org*vodmr-front -k" + want
		}
		v.end(exit, want)
	}
	for _, mode := range []TLSMode{NoTLS, MayTLS} {
		key, _ := newTestKey(t)
		v := start(t, Session{Sink: none{t}, TLS: TLS{Mode: mode, Host: testHost, Key: key}})
		v.play("\t\tP: 220 mail.example.net\n" + strings.ReplaceAll(ehloUnderTLS, "PLAIN", "EXTERNAL") + quitting)
		v.end(ExitLater, "the login is by a key, and that needs verified TLS*")
	}
}

// A provider that asks a CA about the certificate ends TLS, and the log says why.
func TestExternalWithoutCA(t *testing.T) {
	v, key, _ := byKey(t, tls.RequireAndVerifyClientCert, "EXTERNAL")
	v.end(ExitLater, "the provider ended TLS: it may want a certificate that a CA has signed for the key "+key.Hash.String()+"*")
}

// The key is shown to nobody if the provider is the wrong one.
func TestKeyIsShownToTheRightProviderOnly(t *testing.T) {
	key, _ := newTestKey(t)
	self, other := issue(t, lasting(testHost, false), nil), issue(t, lasting(testHost, false), nil)
	v := start(t, Session{Sink: none{t}, TLS: TLS{Host: testHost, Pin: pin(other), Key: key}})
	v.play(startingTLS)
	shown, err := v.handshake(&tls.Config{Certificates: []tls.Certificate{self.Certificate}, ClientAuth: tls.RequestClientCert})
	if err == nil || len(shown.PeerCertificates) > 0 {
		t.Errorf("shown: %v, %v", shown.PeerCertificates, err)
	}
	v.end(ExitLater, "*somebody may be in between")
}
