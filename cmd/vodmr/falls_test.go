package main

import (
	"os"
	"path/filepath"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// TestProgramThatGetsNoMemory: no right password is refused because vodmr-checkpw, or the
// program behind it, falls before it can say a word. Go's runtime falls if it gets no memory, as
// under softlimit -d, or no thread. A wrong password is refused even so.
func TestProgramThatGetsNoMemory(t *testing.T) {
	t.Parallel()
	const limited = "#!/bin/sh\nulimit -d 20000\nexec "
	const trouble, refused = "454 4.7.0 your login cannot be checked now, try later", "535 5.7.8 *"
	folder := t.TempDir()
	file := accounts(t, folder, "odmr@example.org")
	falls := filepath.Join(folder, "vodmr-checkpw")
	require.OK(t, os.WriteFile(falls, []byte(limited+bin+`/vodmr-checkpw "$@"`), 0o755))
	for name, test := range map[string]struct {
		checker, program, password, reply, reason string
	}{
		"the checkpassword program": {falls, relay, "tanstaaftanstaaf", trouble, "ended without a verdict: *"},
		"the program behind it":     {bin + "/vodmr-checkpw", limited[len("#!/bin/sh\n"):] + bin + "/vodmr-checkpw x y", "tanstaaftanstaaf", trouble, "ended without a verdict: *"},
		"a wrong password":          {bin + "/vodmr-checkpw", relay, "wrong", refused, "refused by the checkpassword program"},
		"none falls":                {bin + "/vodmr-checkpw", relay, "tanstaaftanstaaf", "235 *", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := overSocket(t, nil, vodmr("mail.example.net", test.checker, file, "sh", "-c", test.program)...)
			s.Run(`S: 220 *`)
			s.Login("odmr@example.org", test.password)
			s.Run("S: " + test.reply)
			if test.reason == "" {
				_ = s.Net().Close()
			}
			if _, log := s.end(); test.reason != "" && !dialogue.Match("*"+test.reason+"*", log) {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
}
