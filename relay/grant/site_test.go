package grant

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"vodmr/qmail"
	"vodmr/test/kit/cdbmake"
	"vodmr/test/kit/require"
)

// A site is a provider's files in a temporary folder.
type site struct {
	Site
	root string
}

// newSite writes a txtar's files; $ROOT in them is the folder.
func newSite(t *testing.T, text string) *site {
	s := &site{root: t.TempDir()}
	s.Qmail = qmail.OpenHome(filepath.Join(s.root, "qmail"))
	for _, f := range txtar.Parse([]byte(text)).Files {
		s.write(t, f.Name, strings.ReplaceAll(string(f.Data), "$ROOT", s.root))
	}
	return s
}

// write puts a file into its place. Assignments and rules are compiled.
func (s *site) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.root, name)
	require.OK(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.OK(t, os.WriteFile(path, []byte(text), 0o600))
	switch name {
	case "rules":
		s.Rules = filepath.Join(s.root, "rules.cdb")
		require.OK(t, os.WriteFile(s.Rules, cdbmake.Rules(text), 0o644))
	case "qmail/users/assign":
		require.OK(t, os.WriteFile(filepath.Join(s.root, "qmail/users/cdb"), cdbmake.Assign(text), 0o644))
	}
}

// odmr is what the login odmr@example.org holds.
func (s *site) odmr(t *testing.T) *Grant {
	t.Helper()
	g, err := Held(s.Site, "odmr@example.org", s.root+"/domain/odmr", "Maildir", func(string) string { return "" })
	require.OK(t, err)
	t.Cleanup(g.Close)
	return g
}
