package main

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"vodmr/internal/getopt"
)

// nets are addresses and networks.
type nets []netip.Prefix

// contain reports if the address, as tcpserver writes it, is in one of the networks. An
// IPv4 address may be written as ::ffff:192.0.2.1.
func (n nets) contain(address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, prefix := range n {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

type options struct {
	balancers nets // -n
	checks    nets // -l
	program   []string
}

func parseOptions(args []string) (options, error) {
	var o options
	words, err := getopt.Parse(args, "n:l:", func(letter rune, value string) error {
		list, err := parseNets(letter, value)
		if letter == 'n' {
			o.balancers = append(o.balancers, list...)
		} else {
			o.checks = append(o.checks, list...)
		}
		return err
	})
	if err != nil {
		return o, err
	}
	if len(o.balancers) == 0 {
		return o, errors.New("-n NET is needed: the addresses of the balancers")
	}
	if len(words) == 0 {
		return o, errors.New("PROG is needed")
	}
	o.program = words
	return o, nil
}

// parseNets reads a list such as 192.0.2.1,2001:db8::/64.
func parseNets(letter rune, list string) (nets, error) {
	var found nets
	for word := range strings.SplitSeq(list, ",") {
		prefix, err := parseNet(word)
		if err != nil {
			return nil, errors.New("option -" + string(letter) + ": " + strconv.Quote(word) +
				" is no address and no network such as 192.0.2.0/24 or 2001:db8::/64")
		}
		found = append(found, prefix)
	}
	return found, nil
}

func parseNet(word string) (netip.Prefix, error) {
	if strings.Contains(word, "/") {
		prefix, err := netip.ParsePrefix(word)
		return prefix.Masked(), err
	}
	addr, err := netip.ParseAddr(word)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, errors.New("no address")
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}
