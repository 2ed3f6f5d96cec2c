package sendmail

import (
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

func TestFullDisk(t *testing.T) {
	s := newSite(t, "")
	s.Folder = require.SmallDisk(t, "64k")
	if _, err := s.take(strings.Repeat("x", 1<<20), good); code(t, err) != CodeWrite {
		t.Errorf("%v", err)
	}
	if got := s.sent("message"); len(got) > 0 {
		t.Errorf("%d messages were sent", len(got))
	}
	if _, err := s.take("x", good); err != nil {
		t.Errorf("the room is not free again: %v", err)
	}
}
