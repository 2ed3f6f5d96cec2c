package qmail_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/qmail"
	"vodmr/test/kit/require"
)

// EachLine finds the lines that a split of the whole text finds, wherever its reads end.
func TestEachLine(t *testing.T) {
	const most = 8 << 10
	path := filepath.Join(t.TempDir(), "file")
	for name, text := range map[string]string{
		"empty": "", "no line end": "a", "one": "a\n", "empty lines": "\n\na\n\n", "carriage returns": "a\r\nb\r\n",
		"longest": strings.Repeat("x", most) + "\n" + strings.Repeat("y", most), "many": strings.Repeat("login:password\n", 5000),
		"across the reads": strings.Repeat("x", most-3) + "\nabcdef\n" + strings.Repeat("y", most-2) + "\nz",
	} {
		require.OK(t, os.WriteFile(path, []byte(text), 0o600))
		var lines, want []string
		err := qmail.EachLine(path, func(line []byte) bool { lines = append(lines, string(line)); return true })
		require.OK(t, err)
		for line := range strings.Lines(text) {
			want = append(want, strings.TrimSuffix(line, "\n"))
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("%s: %.200s", name, diff)
		}
		count := 0
		require.OK(t, qmail.EachLine(path, func([]byte) bool { count++; return false }))
		if count != min(len(want), 1) {
			t.Errorf("%s: %d lines after the one that was the last wanted", name, count)
		}
	}
	require.OK(t, os.WriteFile(path, []byte("a\n"+strings.Repeat("x", most+1)+"\nb\n"), 0o600))
	if err := qmail.EachLine(path, func([]byte) bool { return true }); err == nil || !strings.Contains(err.Error(), path+": line too long") {
		t.Errorf("a line of more than %d bytes: %v", most, err)
	}
}
