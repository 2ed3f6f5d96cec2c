package proxyheader

import (
	"errors"
	"net/netip"
	"strings"
)

// MaxPassed is how long a header is at most that Append made, in bytes: two addresses of
// IPv6 with their ports, and a version of TLS.
const MaxPassed = 128

// Append writes a header for Parse, in another process. It is three fields, each with a NUL
// at its end: the customer, the server, and the version of TLS. A field that is not known
// is empty.
func (h Header) Append(text []byte) []byte {
	customer, server := "", ""
	if h.Customer.IsValid() {
		customer, server = h.Customer.String(), h.Server.String()
	}
	for _, field := range []string{customer, server, h.TLS} {
		text = append(append(text, field...), 0)
	}
	return text
}

// ErrPassed is something that Append never writes. Its writer may be in a stranger's hands.
var ErrPassed = errors.New("what was passed on is no header")

// Parse reads what Append wrote, and believes nothing of it: each field must be as Read
// would have returned it. The error is ErrPassed.
func Parse(text []byte) (Header, error) {
	fields := strings.Split(string(text), "\x00")
	if len(text) > MaxPassed || len(fields) != 4 || fields[3] != "" {
		return Header{}, ErrPassed
	}
	if strings.Join(fields, "") == "" {
		return Header{}, nil
	}
	customer, ok1 := passedEndpoint(fields[0])
	server, ok2 := passedEndpoint(fields[1])
	if !ok1 || !ok2 || fields[2] != "" && !isTLSVersion(fields[2]) {
		return Header{}, ErrPassed
	}
	return Header{Customer: customer, Server: server, TLS: fields[2]}, nil
}

// passedEndpoint reads an address and a port in the one way in which Append writes them.
func passedEndpoint(text string) (found netip.AddrPort, ok bool) {
	found, err := netip.ParseAddrPort(text)
	addr := found.Addr()
	return found, err == nil && found.String() == text && addr.Zone() == "" && !addr.Is4In6()
}
