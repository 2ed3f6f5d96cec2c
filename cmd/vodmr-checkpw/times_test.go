package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"vodmr/internal/logintimes"
	"vodmr/qmail"
	"vodmr/test/kit/require"
)

// timesOf reads the times of a file of accounts.
func timesOf(t *testing.T, file string) map[string]string {
	t.Helper()
	db, err := qmail.OpenCDB(logintimes.Name(file))
	require.OK(t, err)
	defer db.Close()
	times := map[string]string{}
	require.OK(t, db.Each(func(key, value []byte) error { times[string(key)] = string(value); return nil }))
	return times
}

// Everybody may read the times, which hold no secret. Those of the lines that did not change
// stay as they are, and a login that is gone has none.
func TestTimes(t *testing.T) {
	file, text := indexed(t)
	info, err := os.Stat(logintimes.Name(file))
	require.OK(t, err)
	if content := require.File(t, logintimes.Name(file)); info.Mode().Perm() != 0o644 || strings.Contains(content, "tanstaaf") {
		t.Errorf("mode %v:\n%q", info.Mode(), content)
	}
	first := timesOf(t, file)
	write(t, file, strings.Replace(text, "tanstaaf", "changed", 1), time.Now().Add(time.Second))
	makes(t, file, 0, "")
	second := timesOf(t, file)
	changed := 0
	for login, at := range first {
		if login != "" && second[login] != at {
			changed++
		}
	}
	if changed != 1 || len(first) != len(second) || first[""] == second[""] {
		t.Errorf("%d of the times changed:\n%v\n%v", changed, first, second)
	}
	write(t, file, "bare"+strings.SplitN(text, "\nbare", 2)[1], time.Now().Add(2*time.Second))
	makes(t, file, 0, "")
	if third := timesOf(t, file); len(third) != 3 || third["odmr@example.org"] != "" || third["bare"] != first["bare"] {
		t.Errorf("after a removal: %v", third)
	}
}
