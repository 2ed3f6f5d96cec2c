package fetch

import (
	"net"
	"strconv"
	"strings"

	"vodmr/internal/address"
)

// Default ports: RFC 2645 section 4 and RFC 5321.
const (
	PortODMR = "366"
	PortSMTP = "25"
)

// An Address is a host, by name or number, and a port.
type Address struct{ Host, Port string }

// String returns host:port, with brackets around an IPv6 number.
func (a Address) String() string { return net.JoinHostPort(a.Host, a.Port) }

// ParseAddress takes HOST, HOST:PORT, [V6], [V6]:PORT or a bare V6 number. A
// port may be a number or a service's name. The error is misuse.
func ParseAddress(s, defaultPort string) (Address, error) {
	a := Address{Host: s, Port: defaultPort}
	if strings.HasPrefix(s, "[") || strings.Count(s, ":") == 1 {
		var err error
		if strings.HasSuffix(s, "]") {
			s += ":" + defaultPort
		}
		if a.Host, a.Port, err = net.SplitHostPort(s); err != nil {
			return a, misuse("%q is not an address: use HOST:PORT or [IPV6]:PORT", s)
		}
	}
	if a.Host == "" || strings.ContainsAny(a.Host, " \t\r\n/[]") {
		return a, misuse("%q names no host", s)
	}
	// net.LookupPort takes "" and "0" for "any port".
	if n, err := net.LookupPort("tcp", a.Port); err != nil || n == 0 || a.Port == "" {
		return a, misuse("%q is not a port", a.Port)
	}
	return a, nil
}

// ParseDomains takes a comma-separated list, as ATRN sends it (RFC 2645
// section 5.2.1). The error is misuse.
func ParseDomains(s string) ([]string, error) {
	domains := strings.Split(s, ",")
	for _, d := range domains {
		if len(d) > 255 || !address.IsDomain(d, false) {
			return nil, misuse("%s is not a domain: give domains with commas and no spaces between", strconv.Quote(d))
		}
	}
	return domains, nil
}
