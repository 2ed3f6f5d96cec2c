package check

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"vodmr/internal/confine"
	"vodmr/qmail"
	"vodmr/tlswrap"
)

const (
	noCert      kind = "wrong | is not there, so there is no TLS | put the chain and its key there, or name the file with vodmr-tls's -c and -k"
	keyOpen     kind = "wrong | shows the key to other users | chmod 600 the file, and get a new key if others could log in here"
	badPair     kind = "wrong | is no certificate with its key | put the whole chain into it, the host's own certificate first, and the key that belongs to it"
	wrongDate   kind = "wrong | is not valid today | renew it, and look at this machine's clock"
	expiresSoon kind = "doubtful | ends within two weeks | renew it, and see that the renewed one is copied to this file"
	wrongHost   kind = "wrong | is for another name | get one for the name that vodmr is given and customers call"
	untrusted   kind = "doubtful | is signed by nobody that this system knows | customers need atrn -F or -C for it, or fetchmail's sslcertfile; is its chain in the file?"
	badEmpty    kind = "wrong | is no place to be locked into | chown it to root, chmod 555 it and empty it: vodmr-tls -u locks itself in there"
)

const soon = 14 * 24 * time.Hour

// checkCertificate looks at the files that vodmr-tls reads at each connection.
func checkCertificate(s *site, r *report) {
	if !s.service.tls.found {
		return
	}
	wrapper := s.service.tls
	certFile, keyFile := s.service.path(wrapper.cert), s.service.path(wrapper.key)
	before := r.faults()
	if checkKeyFile(s, r, certFile, false) && (keyFile == certFile || checkKeyFile(s, r, keyFile, true)) {
		checkPair(s, r, certFile, keyFile)
	}
	if wrapper.account != "" {
		if err := confine.CheckEmpty(s.empty); err != nil && !missing(err) {
			r.say(s.empty, badEmpty, err.Error())
		}
	}
	r.okIf(r.faults() == before, certFile, "is for "+cmp.Or(s.host, "any name")+", and its key is its own")
}

// checkKeyFile looks at the file's own rights: vodmr-tls reads it with the
// rights that tcpserver leaves it.
func checkKeyFile(s *site, r *report, path string, onlyKey bool) bool {
	st, there := r.find(path, path, noCert, "")
	if !there || !r.canRead(path, path, s.service.tcpUser()) {
		return false
	}
	text, err := qmail.ReadFile(path) // nothing of it is shown
	if r.unreadable(path, err) {
		return false
	}
	hasKey := onlyKey || strings.Contains(string(text), "PRIVATE KEY")
	r.sayIf(hasKey && openToOthers(path, st), path, keyOpen, st.mode.String())
	return true
}

// checkPair looks at the certificate's dates, names and signature.
func checkPair(s *site, r *report, certFile, keyFile string) {
	pair, err := s.loadPair(certFile, keyFile)
	if err != nil && pair.Leaf == nil {
		r.say(certFile, badPair, err.Error())
		return
	}
	if end := pair.Leaf.NotAfter; !r.failed(err, certFile, wrongDate) {
		r.sayIf(end.Sub(s.now) < soon, certFile, expiresSoon, "at "+end.UTC().Format(time.RFC3339))
	}
	if s.host != "" {
		r.failed(pair.Leaf.VerifyHostname(s.host), certFile, wrongHost)
	}
	if err := s.trusted(pair); err != nil && isSelfSigned(pair.Leaf) {
		r.ok(certFile, "is signed by itself: customers need atrn -F or -C for it, or fetchmail's sslcertfile")
	} else if err != nil {
		r.say(certFile, untrusted, err.Error())
	}
}

// isSelfSigned reports if a certificate was meant to have no authority. Otherwise it has
// one that is not known here.
func isSelfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// loadPair reads the certificate and the key as vodmr-tls does.
func (s *site) loadPair(certFile, keyFile string) (tls.Certificate, error) {
	load := func() (tls.Certificate, error) { return tlswrap.LoadCertificate(certFile, keyFile, s.now) }
	if w := s.service.tcpUser(); w.uid != 0 {
		return readAs(w, certFile, load)
	}
	return load() // only the names and dates of a certificate are ever shown
}

// trusted returns nil if a customer with the same authorities as this system would trust
// the certificate and its chain. Dates and names are looked at elsewhere.
func (s *site) trusted(pair tls.Certificate) error {
	chain := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			chain.AddCert(c)
		}
	}
	_, err := pair.Leaf.Verify(x509.VerifyOptions{
		Roots: s.roots, Intermediates: chain, CurrentTime: pair.Leaf.NotBefore.Add(time.Second),
	})
	if unknown, is := errors.AsType[x509.UnknownAuthorityError](err); is {
		return unknown
	}
	return nil
}
