package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNothingIsWrongWithAGoodSite(t *testing.T) {
	s := good(t)
	if diff := cmp.Diff([]string(nil), s.look()); diff != "" {
		t.Errorf("%s\n%s", diff, s.out.String())
	}
	t.Log(s.out.String())
}
