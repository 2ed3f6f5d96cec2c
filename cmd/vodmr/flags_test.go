package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/nets"
)

// sameNetwork compares networks, which cmp cannot look into.
var sameNetwork = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func TestParseOptions(t *testing.T) {
	plain := flags{port: 587, limit: 60 * time.Second, host: "h", prog: []string{"p"}}
	with := func(change func(*flags)) flags {
		o := plain
		change(&o)
		return o
	}
	for line, want := range map[string]flags{
		"h p":             plain,
		"-- h p":          plain,
		"h p -T -p 1":     with(func(o *flags) { o.prog = []string{"p", "-T", "-p", "1"} }),
		"-p 0 h p":        with(func(o *flags) { o.port = 0 }),
		"-p25 h p":        with(func(o *flags) { o.port = 25 }),
		"-t 20 -T h p":    with(func(o *flags) { o.limit, o.needTLS = 20*time.Second, true }),
		"-CTu talker h p": with(func(o *flags) { o.noCRAM, o.needTLS, o.account = true, true, "talker" }),
		"-P 192.0.2.7,2001:db8::/64 -P 10.0.0.0/8 h p": with(func(o *flags) {
			o.trusted = nets.Nets{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("10.0.0.0/8")}
		}),
		"-Tt20 -p 465 h p": with(func(o *flags) { o.limit, o.needTLS, o.port = 20*time.Second, true, 465 }),
	} {
		got, err := parseOptions(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(flags{}), sameNetwork); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func TestParseOptionsRefuses(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"h"},
		{"-T", "h"},
		{"-x", "h", "p"},
		{"-Tx", "h", "p"},
		{"-p"},
		{"-p", "x", "h", "p"},
		{"-p", "65536", "h", "p"},
		{"-p", "-1", "h", "p"},
		{"-t", "0", "h", "p"},
		{"-t", "86401", "h", "p"},
		{"-t", "1s", "h", "p"},
		{"", "p"},
		{"a b", "p"},
		{"a\r\nb", "p"},
		{"a>b", "p"},
		{"-P", "front", "h", "p"},
		{"-P", "192.0.2.0/33", "h", "p"},
		{"-u"},
	} {
		if o, err := parseOptions(args); err == nil {
			t.Errorf("%q gave %+v", args, o)
		}
	}
}
