package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// TestStartersDescriptorsEndHere: the checkpassword program gets 0, 1, 2, the
// credentials and the pipe for the byte; nothing of what vodmr's own starter left open,
// and nothing of UCSPI-TLS, if the customer asked for TLS or not.
func TestStartersDescriptorsEndHere(t *testing.T) {
	bash := require.Program(t, "bash")
	const shown = `printf 'open:'; for fd in {0..9} {295..305} {598..605}; do (exec <&$fd) 2>/dev/null && printf ' %s' $fd; done
		printf '\r\n'; exit 1`
	for name, environ := range map[string][]string{
		"plain":     nil,
		"UCSPI-TLS": {"SSLCTLFD=3", "SSLREADFD=300", "SSLWRITEFD=301"},
	} {
		t.Run(name, func(t *testing.T) {
			left, err := os.Open("/")
			if err != nil {
				t.Fatal(err)
			}
			defer left.Close()
			cmd := exec.Command(bin+"/vodmr", "mail.example.net", bash, "-c", shown)
			cmd.Env = append(os.Environ(), environ...)
			for range 600 {
				cmd.ExtraFiles = append(cmd.ExtraFiles, left)
			}
			p := dialogue.Start(t, cmd)
			p.Run(`S: 220 *`)
			p.Login("odmr@example.org", "tanstaaf")
			p.Run(`
				S: open: 0 1 2 3 4
				S: 535 *
				S: <end>
			`)
			p.End()
		})
	}
}

// TestTooFewDescriptors: however few descriptors vodmr may have, no right password is refused
// for that. Either there is no greeting, and one line of log; or the login is for later; or it works.
func TestTooFewDescriptors(t *testing.T) {
	const yes = `printf '\000' >&4; exec 4>&-; printf '235 in\r\n'`
	results := map[string]int{}
	for limit := 10; limit <= 24; limit++ {
		cmd := exec.Command("/bin/sh", "-c", `ulimit -n "$1"; shift; exec "$@"`, "sh", fmt.Sprint(limit), bin+"/vodmr", "mail.example.net", "/bin/sh", "-c", yes)
		p := dialogue.Start(t, cmd)
		result := "no greeting"
		if n, _ := p.Net().Read(make([]byte, 100)); n > 0 {
			p.Login("odmr@example.org", "tanstaaf")
			result, _, _ = strings.Cut(p.Expect("*"), " ")
		}
		_, log := p.End()
		lines := strings.Count(log, "\n")
		if result == "535" || result == "no greeting" && (lines != 1 || !strings.Contains(log, "too many open files")) {
			t.Errorf("with %d descriptors: %s\n%s", limit, result, log)
		}
		results[result]++
	}
	if results["no greeting"] == 0 || results["454"] == 0 || results["235"] == 0 {
		t.Errorf("they were %v", results)
	}
}
