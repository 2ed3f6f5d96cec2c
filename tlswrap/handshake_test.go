package tlswrap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vodmr/internal/fdio"
)

// ends makes a connection, closed when the test ends.
func ends(t *testing.T) (near, far int) {
	t.Helper()
	near, far, err := fdio.Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(near)
		unix.Close(far)
	})
	return near, far
}

// testTLS is a configuration with a certificate that signs itself.
func testTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// A customer that says nothing, or half of its hello, is not waited for beyond
// the deadline.
func TestHandshakeDeadline(t *testing.T) {
	for _, said := range []string{"", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"} {
		near, far := ends(t)
		if err := fdio.WriteAll(far, []byte(said)); err != nil {
			t.Fatal(err)
		}
		_, _, err := handshake(newSocket(near, near), testTLS(t), time.Now().Add(time.Millisecond))
		if !errors.Is(err, fdio.ErrTimeout) {
			t.Errorf("after %q: got %v, want %v", said, err, fdio.ErrTimeout)
		}
	}
}

// The deadline is for the handshake alone: what follows may take its time.
func TestNoDeadlineAfterHandshake(t *testing.T) {
	near, far := ends(t)
	go func() {
		_ = tls.Client(newSocket(far, far), &tls.Config{InsecureSkipVerify: true}).Handshake()
	}()
	outer, _, err := handshake(newSocket(near, near), testTLS(t), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range []*fdio.Conn{outer.read, outer.write} {
		if !reflect.ValueOf(conn).Elem().FieldByName("deadline").IsZero() {
			t.Error("a deadline is left")
		}
	}
}
