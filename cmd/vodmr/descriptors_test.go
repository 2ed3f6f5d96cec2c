package main

import (
	"os"
	"os/exec"
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
