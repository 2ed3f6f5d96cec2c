package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseOptions: what was taken can be said again and means the same, values
// are within their limits, HOST cannot break out of a reply or a challenge, and
// the words of the other program are untouched. Words stand in lines.
func FuzzParseOptions(f *testing.F) {
	for _, seed := range []string{
		"", "h p", "-T h p", "-p 0 h p -p 1", "-p25 -t20 h p", "-Tt20 h p", "-Tp h p", "-- -h p", "-t 86401 h p", "-p +1 h p",
		"-p 0x10 h p", "-C -u talker -P 192.0.2.7,2001:db8::/64 -P ::1 h p", "-P x h p", "-\u00e9 h p", "-\xff h p", "- p", "h\x7f p", "h@ p", "--T h p", "-p -1 h p", "-p 65535 mail.example.net vchkpw relay Maildir",
	} {
		f.Add(strings.ReplaceAll(seed, " ", "\n"))
	}
	f.Fuzz(func(t *testing.T, lines string) {
		args := strings.Split(lines, "\n")
		given := slices.Clone(args)
		o, err := parseOptions(args)
		if !slices.Equal(args, given) {
			t.Errorf("%q became %q", given, args)
		}
		if err != nil {
			if o.host != "" || o.prog != nil || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%q: %+v beside the error %q", args, o, err)
			}
			return
		}
		if o.port < 0 || o.port > 65535 || o.limit < time.Second || o.limit > 24*time.Hour || o.limit%time.Second != 0 {
			t.Errorf("%q: %+v", args, o)
		}
		if len(o.prog) == 0 || !slices.Equal(o.prog, args[len(args)-len(o.prog):]) || args[len(args)-len(o.prog)-1] != o.host {
			t.Errorf("%q: host %q, program %q", args, o.host, o.prog)
		}
		if o.host == "" || strings.ContainsFunc(o.host, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' || r == '@' }) {
			t.Errorf("%q: host %q", args, o.host)
		}
		reread, err := parseOptions(spell(o))
		if diff := cmp.Diff(o, reread, cmp.AllowUnexported(flags{}), sameNetwork); diff != "" || err != nil {
			t.Errorf("%q, said again: %v\n%s", args, err, diff)
		}
	})
}

// spell is a command line that says the same.
func spell(o flags) []string {
	args := []string{"-p", strconv.Itoa(o.port), "-t" + strconv.Itoa(int(o.limit/time.Second))}
	if o.needTLS {
		args = append(args, "-T")
	}
	if o.noCRAM {
		args = append(args, "-C")
	}
	for _, network := range o.trusted {
		args = append(args, "-P", network.String())
	}
	if o.account != "" {
		args = append(args, "-u", o.account)
	}
	return append(append(args, "--", o.host), o.prog...)
}
