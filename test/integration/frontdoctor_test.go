package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/mtafront"
)

// checked runs vodmr-check beside the front.
func (f *frontSite) checked(t testing.TB, args ...string) (code int, said string) {
	t.Helper()
	cmd, err := f.Check(args...)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, time.Minute, cmd)
}

// findings are what vodmr-check says is wrong with the login, but for the ports: it sees
// none of this machine's.
func (f *frontSite) findings(t testing.TB) []string {
	t.Helper()
	_, said := f.checked(t, mtafront.Login)
	if !strings.Contains(said, " ok, ") {
		t.Errorf("vodmr-check did not end as it should: %s", said)
	}
	return slices.DeleteFunc(strings.Split(said, "\n"), func(line string) bool {
		return !strings.HasPrefix(line, "wrong ") || strings.HasPrefix(line, "wrong port ")
	})
}

// examine is what an administrator does first: vodmr-check finds nothing wrong, and its
// probe comes through the front by sendmail(1), with the envelope that it was sent with, and
// leaves nothing behind.
func (f *frontSite) examine(t *testing.T) {
	t.Helper()
	for _, finding := range f.findings(t) {
		t.Errorf("vodmr-check: %s", finding)
	}
	if code, said := f.checked(t, "-p", mtafront.Login); code != 0 || !strings.Contains(said, "came within ") {
		t.Errorf("vodmr-check -p exits %d: %s", code, said)
	}
	for _, sub := range []string{"new", "cur", "tmp"} {
		if left := names(t, filepath.Join(f.Maildir(), sub)); len(left) > 0 {
			t.Errorf("after the probe %s holds %q", sub, left)
		}
	}
}

// A probe shows that VODMR_MTA names the wrong mail server.
func TestProbeFindsTheWrongMTA(t *testing.T) {
	t.Parallel()
	kinds := mtafront.Kinds()
	kind := kinds[slices.IndexFunc(kinds, func(k mtafront.Kind) bool { return k.ID == "exim" })]
	kind.MTA = "opensmtpd"
	f := startFront(t, kind)
	if code, said := f.checked(t, "-p", mtafront.Login); code != 1 || !strings.Contains(said, "came with an envelope that vodmr-relay cannot read") {
		t.Errorf("vodmr-check -p exits %d: %s", code, said)
	}
}
