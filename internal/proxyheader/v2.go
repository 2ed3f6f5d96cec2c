package proxyheader

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/netip"
	"strings"
)

// The fixed part of version 2 behind the signature: version and command, family and
// transport, and the length of what follows.
const fixedV2 = 4

// Values of version 2.
const (
	version2     = 0x20
	commandLocal = 0x0
	commandProxy = 0x1
	tcp4         = 0x11
	tcp6         = 0x21

	typeCRC32C = 0x03
	typeSSL    = 0x20
	// Inside the value of typeSSL: what the customer did, and the version as text.
	clientSSL      = 0x01
	typeSSLVersion = 0x21
)

// readV2 reads what follows the signature.
func readV2(r io.Reader) (Header, error) {
	whole := make([]byte, len(signature)+fixedV2, MaxV2)
	copy(whole, signature)
	fixed := whole[len(signature):]
	if _, err := io.ReadFull(r, fixed); err != nil {
		return Header{}, cut(whole, err)
	}
	length := int(binary.BigEndian.Uint16(fixed[2:]))
	if len(whole)+length > MaxV2 {
		return Header{}, ErrTooLong
	}
	body := whole[len(whole) : len(whole)+length]
	whole = whole[:len(whole)+length]
	if _, err := io.ReadFull(r, body); err != nil {
		return Header{}, cut(whole, err)
	}
	if fixed[0]&0xf0 != version2 {
		return Header{}, fault("version %d is not known", fixed[0]>>4)
	}
	return parseV2(fixed[0]&0x0f, fixed[1], body, whole)
}

// parseV2 reads addresses and extensions. whole is the header from its first byte, for
// the checksum.
func parseV2(command, family byte, body, whole []byte) (Header, error) {
	if command != commandLocal && command != commandProxy {
		return Header{}, fault("command %d is not known", command)
	}
	size := map[byte]int{tcp4: 4, tcp6: 16}[family]
	if command == commandLocal || size == 0 { // UNSPEC, or something without an IP address
		return Header{}, nil
	}
	if len(body) < 2*size+4 {
		return Header{}, fault("it has no room for its addresses")
	}
	h := addresses(body, size)
	err := extensions(body[2*size+4:], func(kind byte, value []byte) error {
		return h.extend(kind, value, whole)
	})
	if err != nil {
		return Header{}, err
	}
	return h, nil
}

// addresses reads two addresses of size bytes each and two ports.
func addresses(body []byte, size int) Header {
	customer, _ := netip.AddrFromSlice(body[:size])
	server, _ := netip.AddrFromSlice(body[size : 2*size])
	ports := body[2*size:]
	return Header{
		Customer: netip.AddrPortFrom(customer.Unmap(), binary.BigEndian.Uint16(ports)),
		Server:   netip.AddrPortFrom(server.Unmap(), binary.BigEndian.Uint16(ports[2:])),
	}
}

// extensions hands each extension (type, length, value) to use.
func extensions(list []byte, use func(kind byte, value []byte) error) error {
	for len(list) > 0 {
		if len(list) < 3 {
			return fault("an extension is cut off")
		}
		kind, length := list[0], int(binary.BigEndian.Uint16(list[1:]))
		list = list[3:]
		if length > len(list) {
			return fault("extension %#x is cut off", kind)
		}
		if err := use(kind, list[:length]); err != nil {
			return err
		}
		list = list[length:]
	}
	return nil
}

func (h *Header) extend(kind byte, value, whole []byte) error {
	switch kind {
	case typeCRC32C:
		return checkSum(value, whole)
	case typeSSL:
		version, err := sslVersion(value)
		h.TLS = version
		return err
	}
	return nil
}

// checkSum compares the CRC32c of the whole header, in which the checksum itself counts
// as four zeros. It puts the header back as it was.
func checkSum(value, whole []byte) error {
	if len(value) != 4 {
		return fault("its checksum has %d bytes", len(value))
	}
	want := binary.BigEndian.Uint32(value)
	saved := [4]byte(value)
	clear(value)
	sum := crc32.Checksum(whole, crc32.MakeTable(crc32.Castagnoli))
	copy(value, saved[:])
	if sum != want {
		return ErrChecksum
	}
	return nil
}

// sslVersion reads the balancer's field about TLS: a byte of flags, four of the certificate's
// check, and extensions, of which one is the version.
func sslVersion(value []byte) (string, error) {
	if len(value) < 5 {
		return "", fault("its field about TLS is cut off")
	}
	if value[0]&clientSSL == 0 {
		return "", nil
	}
	version := ""
	err := extensions(value[5:], func(kind byte, text []byte) error {
		if kind == typeSSLVersion {
			version = string(text)
		}
		return nil
	})
	if err == nil && !isTLSVersion(version) {
		err = fault("%q is no version of TLS", version)
	}
	return version, err
}

// isTLSVersion reports if a text is such as OpenSSL names the protocol. It goes into the
// environment and the log.
func isTLSVersion(text string) bool {
	number, ok := strings.CutPrefix(text, "TLSv1")
	return ok && (number == "" || len(number) == 2 && number[0] == '.' && number[1] >= '0' && number[1] <= '9')
}
