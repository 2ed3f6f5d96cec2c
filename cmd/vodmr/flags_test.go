package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptions(t *testing.T) {
	plain := flags{port: 587, limit: 60 * time.Second, host: "h", prog: []string{"p"}}
	with := func(change func(*flags)) flags {
		o := plain
		change(&o)
		return o
	}
	for line, want := range map[string]flags{
		"h p":              plain,
		"-- h p":           plain,
		"h p -T -p 1":      with(func(o *flags) { o.prog = []string{"p", "-T", "-p", "1"} }),
		"-p 0 h p":         with(func(o *flags) { o.port = 0 }),
		"-p25 h p":         with(func(o *flags) { o.port = 25 }),
		"-t 20 -T h p":     with(func(o *flags) { o.limit, o.needTLS = 20*time.Second, true }),
		"-Tt20 -p 465 h p": with(func(o *flags) { o.limit, o.needTLS, o.port = 20*time.Second, true, 465 }),
	} {
		got, err := parseOptions(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(flags{})); diff != "" {
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
	} {
		if o, err := parseOptions(args); err == nil {
			t.Errorf("%q gave %+v", args, o)
		}
	}
}
