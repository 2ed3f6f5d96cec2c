// Package ucspi owns the words of UCSPI-TLS, by which a program asks the one that
// started it for TLS: the environment variables that name the descriptors, and the list
// of SSL_ variables that tells what the handshake found. vodmr is one end of it and
// vodmr-tls the other.
package ucspi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The environment variables that hold the numbers of the descriptors.
const (
	Control = "SSLCTLFD"   // `Y` asks for TLS here, and the list of variables comes back
	Read    = "SSLREADFD"  // what the customer says inside TLS
	Write   = "SSLWRITEFD" // what the customer hears inside TLS
)

// ClientKey is the variable with the SHA-256 of the public key in the client's certificate,
// in hexadecimal digits. The client has proved that it has the private key.
const ClientKey = "SSL_CLIENT_KEY_SHA256"

// MaxList bounds a list of variables, in bytes: it may hold a client's certificate.
const MaxList = 128 << 10

// ErrNoHandshake is all that can be known of a handshake that failed: the TLS program
// closes the control descriptor, and logs why.
var ErrNoHandshake = errors.New("no handshake")

// IsVariable reports if a NAME=value is about TLS: SSL_PROTOCOL and the like.
func IsVariable(setting string) bool { return strings.HasPrefix(setting, "SSL_") }

// IsDescriptor reports if a variable holds the number of a descriptor.
func IsDescriptor(name string) bool { return name == Control || name == Read || name == Write }

// CleanEnviron returns environ without the variables that only TLS itself may set: the
// SSL_ variables, and the descriptors of UCSPI-TLS. A program takes SSL_PROTOCOL for a
// proof that nobody listens.
func CleanEnviron(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return IsVariable(setting) || IsDescriptor(name)
	})
}

// Encode writes variables as they are sent: each ends in NUL, and one more NUL ends the
// list.
func Encode(list []string) []byte {
	return []byte(strings.Join(append(slices.Clone(list), "", ""), "\x00"))
}

// ReadList reads a list up to the empty variable that ends it, and returns those
// variables that are about TLS. A TLS program may set no others. The error is
// ErrNoHandshake if the list is cut off.
func ReadList(r io.Reader) (list []string, err error) {
	var text []byte
	buf := make([]byte, 4096)
	for !ended(text) {
		n, err := r.Read(buf)
		text = append(text, buf[:n]...)
		switch {
		case len(text) > MaxList:
			return nil, fmt.Errorf("the TLS program tells more than %d bytes", MaxList)
		case err == io.EOF && !ended(text):
			return nil, ErrNoHandshake
		case err != nil && err != io.EOF:
			return nil, fmt.Errorf("waiting for the handshake: %w", err)
		}
	}
	for setting := range strings.SplitSeq(string(text), "\x00") {
		if IsVariable(setting) {
			list = append(list, setting)
		}
	}
	return list, nil
}

// ended reports if the empty variable has come.
func ended(text []byte) bool {
	return string(text) == "\x00" || bytes.HasSuffix(text, []byte{0, 0})
}
