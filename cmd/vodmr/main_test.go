package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Vodmr-relay gets one processor, unless the administrator said otherwise.
func TestWithOneProcessor(t *testing.T) {
	for _, test := range []struct {
		name          string
		environ, want []string
	}{
		{"nothing said", []string{"PATH=/bin"}, []string{"PATH=/bin", "GOMAXPROCS=1"}},
		{"chosen", []string{"GOMAXPROCS=4", "PATH=/bin"}, []string{"GOMAXPROCS=4", "PATH=/bin"}},
		{"a name that only begins so", []string{"GOMAXPROCSX=4"}, []string{"GOMAXPROCSX=4", "GOMAXPROCS=1"}},
	} {
		got := program(options{}, test.environ).Environ
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
	}
}
