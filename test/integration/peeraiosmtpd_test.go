package integration

import (
	"os"
	"os/exec"
	"testing"

	"vodmr/test/kit/require"
)

var aiosmtpdPeer = &peer{
	name:  "aiosmtpd",
	modes: []mode{lockStep},
	exceptions: map[string]exception{
		"line-2001":  {why: "it refuses lines of over 1000 bytes", may: bounces},
		"line-20000": {why: "it refuses lines of over 1000 bytes", may: bounces},
	},
	start: func(t *testing.T, domain string) *running {
		r := newRunning(t)
		cmd := exec.Command(require.Program(t, "python3"), "../standin/peers/aiosmtpd_server.py", r.kept)
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1",
			"PYTHONPATH="+unpacked(t, "python3-aiosmtpd")+"/usr/lib/python3/dist-packages")
		r.saysPort(t, cmd)
		return r
	},
}
