package check

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"time"

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

// checkCertificate looks at what vodmr-tls reads at each connection.
func (d *doctor) checkCertificate() {
	if !d.service.tls.found {
		return
	}
	wrapper := d.service.tls
	certFile, keyFile := d.service.path(wrapper.cert), d.service.path(wrapper.key)
	before := d.faults()
	if d.checkKeyFile(certFile, false) && (keyFile == certFile || d.checkKeyFile(keyFile, true)) {
		d.checkPair(certFile, keyFile)
	}
	if wrapper.account != "" {
		if err := tlswrap.CheckEmpty(d.empty); err != nil && !missing(err) {
			d.say(d.empty, badEmpty, err.Error())
		}
	}
	if d.faults() == before {
		d.ok(certFile, "is for "+first(d.host, "any name")+", and its key is its own")
	}
}

// checkKeyFile looks at the file's own rights: vodmr-tls reads it with the
// rights that tcpserver leaves it.
func (d *doctor) checkKeyFile(path string, onlyKey bool) bool {
	s, err := stat(path)
	switch {
	case missing(err):
		d.say(path, noCert, "")
		return false
	case err != nil:
		d.unreadable(path, err)
		return false
	}
	if !d.open(path, path, d.service.tcpUser()) {
		return false
	}
	if text, err := qmail.ReadFile(path); err != nil { // nothing of it is shown
		d.unreadable(path, err)
		return false
	} else if (onlyKey || strings.Contains(string(text), "PRIVATE KEY")) && openToOthers(path, s) {
		d.say(path, keyOpen, s.mode.String())
	}
	return true
}

// checkPair looks at what the certificate says.
func (d *doctor) checkPair(certFile, keyFile string) {
	pair, err := d.loadPair(certFile, keyFile)
	if err != nil && pair.Leaf == nil {
		d.say(certFile, badPair, err.Error())
		return
	}
	if err != nil {
		d.say(certFile, wrongDate, err.Error())
	} else if pair.Leaf.NotAfter.Sub(d.now) < soon {
		d.say(certFile, expiresSoon, "at "+pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if d.host != "" {
		if err := pair.Leaf.VerifyHostname(d.host); err != nil {
			d.say(certFile, wrongHost, err.Error())
		}
	}
	if err := d.trusted(pair); err == nil {
		return
	} else if isSelfSigned(pair.Leaf) {
		d.ok(certFile, "is signed by itself: customers need atrn -F or -C for it, or fetchmail's sslcertfile")
	} else {
		d.say(certFile, untrusted, err.Error())
	}
}

// isSelfSigned tells a certificate that somebody meant to have no authority from one whose
// authority is not known here.
func isSelfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// loadPair reads the certificate and the key as vodmr-tls does.
func (d *doctor) loadPair(certFile, keyFile string) (tls.Certificate, error) {
	load := func() (tls.Certificate, error) { return tlswrap.LoadCertificate(certFile, keyFile, d.now) }
	if w := d.service.tcpUser(); w.uid != 0 {
		return readAs(w, certFile, load)
	}
	return load() // only the names and dates of a certificate are ever shown
}

// trusted says why customers who trust what this system trusts would not trust
// the certificate with its chain. Its dates and names are looked at elsewhere.
func (d *doctor) trusted(pair tls.Certificate) error {
	chain := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			chain.AddCert(c)
		}
	}
	_, err := pair.Leaf.Verify(x509.VerifyOptions{
		Roots: d.roots, Intermediates: chain, CurrentTime: pair.Leaf.NotBefore.Add(time.Second),
	})
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return unknown
	}
	return nil
}
