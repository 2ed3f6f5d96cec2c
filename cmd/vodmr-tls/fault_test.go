package main

import (
	"crypto/x509/pkix"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// Each fault of the certificate is named. Without -s nobody is served; with it
// the program is there, and sees that there is no TLS to offer.
func TestCertificateFaults(t *testing.T) {
	ca := newAuthority(t, "Test Authority")
	subject := pkix.Name{CommonName: "mail.example.net"}
	good, other := ca.server(t), ca.server(t)
	fifo := t.TempDir() + "/fifo"
	require.OK(t, syscall.Mkfifo(fifo, 0o600))
	goodFile := file(t, good.both())
	expired := ca.issue(t, subject, -2*time.Hour, -time.Hour)
	early := ca.issue(t, subject, time.Hour, 2*time.Hour)
	for name, test := range map[string]struct {
		flags []string
		error string
	}{
		"missing":           {[]string{"-c", "/nonexistent/cert.pem"}, "certificate: open /nonexistent/cert.pem: no such file or directory"},
		"folder":            {[]string{"-c", "/"}, "certificate: open /: not a regular file"},
		"FIFO":              {[]string{"-c", fifo}, "certificate: open *: not a regular file"},
		"endless":           {[]string{"-c", "/dev/zero"}, "certificate: open /dev/zero: not a regular file"},
		"key missing":       {[]string{"-c", goodFile, "-k", "/nonexistent/key.pem"}, "key: open /nonexistent/key.pem: no such file or directory"},
		"expired":           {[]string{"-c", file(t, expired.both())}, "certificate *.pem: expired at 20*Z"},
		"not yet valid":     {[]string{"-c", file(t, early.both())}, "certificate *.pem: not valid before 20*Z"},
		"another's key":     {[]string{"-c", file(t, append(good.chain, other.key...))}, "certificate *.pem: tls: private key does not match public key"},
		"another's keyfile": {[]string{"-c", goodFile, "-k", file(t, other.key)}, "certificate *.pem with key *.pem: tls: private key does not match public key"},
		"no key":            {[]string{"-c", file(t, good.chain)}, "certificate *.pem: tls: *private key*"},
		"empty":             {[]string{"-c", file(t, nil)}, "certificate *.pem: tls: failed to find any PEM data in certificate input"},
		"rubbish":           {[]string{"-c", file(t, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))}, "certificate *.pem: *"},
		"no authorities":    {[]string{"-c", goodFile, "-a", "/nonexistent/ca.pem"}, "authorities: open /nonexistent/ca.pem: no such file or directory"},
		"empty authorities": {[]string{"-c", goodFile, "-a", file(t, nil)}, "authorities *.pem: holds no certificate"},
	} {
		line := `vodmr-tls: * error ip=192.0.2.17 error="` + test.error + `"`
		run := func(t *testing.T, flags ...string) *dialogue.Process {
			cmd := wrap(append(flags, test.flags...), prog("smtp"))
			cmd.Env = append(os.Environ(), "TCPREMOTEIP=192.0.2.17")
			return dialogue.Start(t, cmd)
		}
		t.Run(name, func(t *testing.T) {
			p := run(t)
			p.ExpectEnd()
			ended(t, p, 111, line)
		})
		t.Run(name+", STARTTLS", func(t *testing.T) {
			p := run(t, "-s")
			p.Run(`
				S: 220 prog
				C: STARTTLS
				S: 454 no TLS here
				C: QUIT
				S: 221 bye
				S: <end>
			`)
			ended(t, p, 7, line)
		})
	}
}

func TestUnreadableCertificate(t *testing.T) {
	if os.Geteuid() == 0 {
		// Root reads anything; TestKeyIsOutOfReach has another user try.
		return
	}
	_, cert := servercert(t)
	if err := os.Chmod(cert, 0); err != nil {
		t.Fatal(err)
	}
	p := starting(t, prog("smtp"), "-c", cert)
	ended(t, p, 111, `vodmr-tls: * error="certificate: open *: permission denied"`)
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{nil, {"-s"}, {"-x", "true"}, {"-c"}, {"-u", "", "true"}, {"-sc"}, {"--"}} {
		out, err := exec.Command(bin+"/vodmr-tls", args...).CombinedOutput()
		exit, ok := err.(*exec.ExitError)
		if !ok || exit.ExitCode() != 100 || !dialogue.Match("vodmr-tls: *\nusage: vodmr-tls *\n", string(out)) {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
}
