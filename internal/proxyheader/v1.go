package proxyheader

import (
	"bytes"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// readV1 reads the rest of the line, byte by byte, since nothing tells its length.
func readV1(r io.Reader, line []byte) (Header, error) {
	for !bytes.HasSuffix(line, []byte("\n")) {
		if len(line) == MaxV1 {
			return Header{}, ErrTooLong
		}
		line = line[:len(line)+1]
		if _, err := io.ReadFull(r, line[len(line)-1:]); err != nil {
			return Header{}, cut(line, err)
		}
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return Header{}, fault("its line does not end in CR LF")
	}
	return parseV1(strings.Split(text, " "))
}

// parseV1 reads the words `PROXY TCP4 CUSTOMER SERVER PORT PORT`, or `PROXY UNKNOWN` with
// anything behind it.
func parseV1(words []string) (Header, error) {
	if words[1] == "UNKNOWN" {
		return Header{}, nil
	}
	if words[1] != "TCP4" && words[1] != "TCP6" {
		return Header{}, fault("%q is no protocol of version 1", words[1])
	}
	if len(words) != 6 {
		return Header{}, fault("%d words in place of 6", len(words))
	}
	customer, err := endpoint(words[1], words[2], words[4])
	if err != nil {
		return Header{}, err
	}
	server, err := endpoint(words[1], words[3], words[5])
	if err != nil {
		return Header{}, err
	}
	return Header{Customer: customer, Server: server}, nil
}

func endpoint(protocol, address, port string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Is4() != (protocol == "TCP4") || addr.Zone() != "" {
		return netip.AddrPort{}, fault("%q is no address of %s", address, protocol)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(number, 10) != port {
		return netip.AddrPort{}, fault("%q is no port", port)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), nil
}
