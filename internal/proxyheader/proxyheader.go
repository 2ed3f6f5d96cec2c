// Package proxyheader reads the header by which a balancer tells the program behind it
// for which customer a connection is: the PROXY protocol of HAProxy, versions 1 and 2
// (doc/proxy-protocol.txt there). It reads the header and not one byte more, since the
// next program in the chain reads the rest from the same descriptor.
package proxyheader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// Bounds of a header, in bytes.
const (
	MaxV1 = 107 // with its CR LF, as the protocol says
	MaxV2 = 536 // with its 16 fixed bytes: the least that any TCP carries in one piece
)

// A Header is what the balancer said. Without Customer the connection is the balancer's
// own (LOCAL, a health check) or from a place without an IP address (UNKNOWN, UNSPEC,
// a UNIX socket): then the addresses that tcpserver saw are the right ones.
type Header struct {
	Customer netip.AddrPort // where the connection comes from; its zero value if that is not told
	Server   netip.AddrPort // the address that the customer called
	// TLS is the protocol between customer and balancer, such as TLSv1.3, if the
	// balancer ended it (send-proxy-v2-ssl). Version 1 cannot tell.
	TLS string
}

// Problems of a header. Each means that the bytes which follow cannot be trusted.
var (
	ErrNone     = errors.New("no PROXY header")
	ErrTooLong  = errors.New("the PROXY header is too long")
	ErrChecksum = errors.New("the PROXY header's checksum is wrong")
	ErrCut      = errors.New("the PROXY header is cut off")
)

// signature begins a header of version 2. No line of SMTP begins like this.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// v1Begin begins a header of version 1.
const v1Begin = "PROXY "

// Is reports if the first bytes of a connection can be a header of either version. A
// program that expects none recognises by this that the balancer sends one.
func Is(first []byte) bool {
	return bytes.HasPrefix(first, []byte(v1Begin)) || bytes.HasPrefix(first, []byte(signature))
}

// Read reads one header. The error is one of the above, wrapped with what was wrong, or
// the reader's own.
func Read(r io.Reader) (Header, error) {
	// Both versions have at least these twelve bytes.
	first := make([]byte, len(signature), MaxV1)
	if n, err := io.ReadFull(r, first); err != nil {
		return Header{}, cut(first[:n], err)
	}
	if string(first) == signature {
		return readV2(r)
	}
	if bytes.HasPrefix(first, []byte(v1Begin)) {
		return readV1(r, first)
	}
	return Header{}, ErrNone
}

// cut says which problem an end of file is. A peer that sent nothing like a header sent
// none; other errors, such as a deadline's, stay as they are.
func cut(first []byte, err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	began := len(first) > 0 &&
		(bytes.HasPrefix([]byte(v1Begin), first) || bytes.HasPrefix([]byte(signature), first) || Is(first))
	if began {
		return ErrCut
	}
	return ErrNone
}

// fault names what is wrong in a header that is whole.
func fault(format string, args ...any) error {
	return fmt.Errorf("the PROXY header is wrong: "+format, args...)
}
