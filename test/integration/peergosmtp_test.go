package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"vodmr/test/kit/require"
)

var longLine = exception{
	why: "it hangs up at such a line of DATA, with or without a reply that is read; by BDAT it takes it",
	may: arrives | bounces | remains,
}

var goSMTPPeer = &peer{
	name:       "go-smtp",
	modes:      []mode{chunked, pipelined, lockStep},
	exceptions: map[string]exception{"line-2001": longLine, "line-20000": longLine},
	start:      func(t *testing.T, domain string) *running { return startGoSMTP(t, newGoSMTP) },
}

// narrowGoSMTPPeer takes less than others: 452 to a second recipient, 552 to what is large.
var narrowGoSMTPPeer = &peer{
	name:  "narrow go-smtp",
	modes: []mode{chunked, pipelined, lockStep},
	exceptions: map[string]exception{
		"line-2001": longLine, "line-20000": longLine,
		"huge":   {why: "it is larger than SIZE says", may: bounces},
		"jürgen": {why: "there is no SMTPUTF8", may: bounces},
	},
	start: func(t *testing.T, domain string) *running { return startGoSMTP(t, newGoSMTP, "-narrow") },
}

// oldGoSMTPPeer answers a BDAT after a refused RCPT without reading its octets, which
// are commands then.
var oldGoSMTPPeer = &peer{
	name:       "go-smtp 0.24",
	modes:      []mode{chunked, pipelined, lockStep},
	exceptions: map[string]exception{"line-2001": longLine, "line-20000": longLine},
	start:      func(t *testing.T, domain string) *running { return startGoSMTP(t, oldGoSMTP) },
}

// newGoSMTP and oldGoSMTP build the server once and give its path.
var (
	newGoSMTP = sync.OnceValues(func() (string, error) { return buildGoSMTP("go.mod") })
	oldGoSMTP = sync.OnceValues(func() (string, error) { return buildGoSMTP("old.mod") })
)

func buildGoSMTP(modfile string) (string, error) {
	command := filepath.Join(built().path, "gosmtp-"+modfile)
	build := exec.Command("go", "build", "-modfile="+modfile, "-o", command, ".")
	build.Dir = "../standin/peers/gosmtp"
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build -modfile=%s: %w: %s", modfile, err, out)
	}
	return command, nil
}

func startGoSMTP(t *testing.T, server func() (string, error), flags ...string) *running {
	t.Helper()
	r := newRunning(t)
	command, err := server()
	if err != nil {
		require.Skip(t, "go-smtp cannot be had: %v", err)
	}
	r.saysPort(t, exec.Command(command, append(flags, r.kept)...))
	return r
}
