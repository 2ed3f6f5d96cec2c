package tlswrap

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"strings"

	"vodmr/internal/address"
	"vodmr/internal/ucspi"
)

// variables says what a handshake has found, under the names that Apache's
// mod_ssl gave them and UCSPI-TLS took over. Only SSL_CIPHER's values differ:
// they are IANA's names.
func variables(state tls.ConnectionState) []string {
	list := []string{
		"SSL_PROTOCOL=" + strings.Replace(tls.VersionName(state.Version), " ", "v", 1),
		"SSL_CIPHER=" + tls.CipherSuiteName(state.CipherSuite),
	}
	// The customer chose the name: anything else than a host's, above all a NUL, could
	// forge a further variable.
	if address.IsHost(state.ServerName) {
		list = append(list, "SSL_TLS_SNI_SERVERNAME="+state.ServerName)
	}
	// Without -a no client is asked for a certificate. The handshake ends if the client does
	// not have the key, and if authorities are to vouch for the certificate and do not.
	if len(state.PeerCertificates) > 0 {
		sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
		list = append(list, ucspi.ClientKey+"="+hex.EncodeToString(sum[:]))
	}
	if len(state.VerifiedChains) > 0 {
		client := state.PeerCertificates[0]
		sum := sha256.Sum256(client.Raw)
		list = append(list,
			"SSL_CLIENT_S_DN="+escapeDN(client.Subject.String()),
			"SSL_CLIENT_CERT_SHA256="+hex.EncodeToString(sum[:]))
	}
	return list
}

// escapeDN writes control characters as a backslash and two hexadecimal digits,
// as RFC 4514, section 2.4, allows in a distinguished name.
func escapeDN(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c < ' ' || c == 0x7f {
			b.WriteString(`\` + hex.EncodeToString([]byte{c}))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
