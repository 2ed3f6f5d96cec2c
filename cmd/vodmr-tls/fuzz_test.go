package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseOptions: what was taken can be said again and means the same, no file
// or account has an empty name unless it was not given, and the words of the
// other program are untouched. Words stand in lines.
func FuzzParseOptions(f *testing.F) {
	for _, seed := range []string{
		"", "p", "-s p", "-c cert p -c x", "-ccert -kkey p", "-sc cert p", "-sccert p", "-c", "-c  p", "-- -p x", "-a ca -u tls -U vodmr p a b",
		"-x p", "-s- p", "-\u00e9 p", "-\xff p", "- p", "--s p", "-k -c p",
	} {
		f.Add(strings.ReplaceAll(seed, " ", "\n"))
	}
	f.Fuzz(func(t *testing.T, lines string) {
		args := strings.Split(lines, "\n")
		given := slices.Clone(args)
		config, err := parseOptions(args)
		if !slices.Equal(args, given) {
			t.Errorf("%q became %q", given, args)
		}
		if err != nil {
			if config.Program != nil || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%q: %+v beside the error %q", args, config, err)
			}
			return
		}
		if n := len(config.Program); n == 0 || !slices.Equal(config.Program, args[len(args)-n:]) || config.CertFile == "" {
			t.Errorf("%q: %+v", args, config)
		}
		var say []string
		if config.STARTTLS {
			say = append(say, "-s")
		}
		for option, value := range map[string]string{
			"-c": config.CertFile, "-k": config.KeyFile, "-a": config.CAFile, "-u": config.Account, "-U": config.ProgramAccount,
		} {
			if value != "" {
				say = append(say, option, value)
			}
		}
		repeated, err := parseOptions(append(append(say, "--"), config.Program...))
		if diff := cmp.Diff(config, repeated); diff != "" || err != nil {
			t.Errorf("%q, said again: %v\n%s", args, err, diff)
		}
	})
}
