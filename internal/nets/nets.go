// Package nets owns lists of addresses and networks, as options and settings name them.
package nets

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Nets are networks; an address alone is a network of one.
type Nets []netip.Prefix

// Contain reports if an address, as tcpserver writes it, is in one of the networks. An
// IPv4 address may be written as ::ffff:192.0.2.1.
func (n Nets) Contain(address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(n, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// Parse reads a list such as 192.0.2.1,2001:db8::/64.
func Parse(list string) (Nets, error) {
	var found Nets
	for word := range strings.SplitSeq(list, ",") {
		network, err := parse(word)
		if err != nil {
			return nil, errors.New(strconv.Quote(word) +
				" is no address and no network such as 192.0.2.0/24 or 2001:db8::/64")
		}
		found = append(found, network)
	}
	return found, nil
}

// Add adds those of a list.
func (n *Nets) Add(list string) error {
	more, err := Parse(list)
	*n = append(*n, more...)
	return err
}

func parse(word string) (netip.Prefix, error) {
	if strings.Contains(word, "/") {
		network, err := netip.ParsePrefix(word)
		return network.Masked(), err
	}
	addr, err := netip.ParseAddr(word)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, errors.New("no address")
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}
