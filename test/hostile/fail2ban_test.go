package hostile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/internal/logline"
	"vodmr/test/kit/require"
)

// refusedLine is a line as vodmr logs it for a refused login.
func refusedLine(t *testing.T, user, ip string) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "line"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	logline.New(int(file.Fd()), "vodmr", "4711").Event("refused",
		logline.F("user", user), logline.F("mechanism", "CRAM-MD5"), logline.F("ip", ip),
		logline.F("reply", "535 5.7.8 login or password refused"),
		logline.F("error", "refused: the checkpassword program exited 1"))
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Fail2ban's own program reads our filter. It must find the address of each refused
// login, with any time stamp, and never an address that a customer wrote.
func TestFail2banFilter(t *testing.T) {
	regex := require.Program(t, "fail2ban-regex")
	const victim = "198.51.100.9"
	forged := ` mechanism=PLAIN ip=` + victim + ` reply=x`
	lines := []string{
		"@400000006921a0f91234abcd " + refusedLine(t, "odmr@example.org", "192.0.2.1"),
		"2026-11-22 10:00:00.123456789 " + refusedLine(t, "odmr@example.org", "192.0.2.2"),
		"2026-11-22_10:00:00.12345 " + refusedLine(t, "odmr@example.org", "192.0.2.3"),
		"Nov 22 10:00:00 mail vodmr: " + refusedLine(t, "odmr@example.org", "192.0.2.4"),
		refusedLine(t, "odmr@example.org", "192.0.2.5"),
		refusedLine(t, "", "192.0.2.6"),
		refusedLine(t, "x"+forged, "192.0.2.7"),
		refusedLine(t, `x"`+forged, "192.0.2.8"),
		refusedLine(t, `x\"`+forged, "192.0.2.9"),
		refusedLine(t, "x\nvodmr: 4711 refused user=x"+forged, "192.0.2.10"),
		refusedLine(t, "@400000006921a0f91234abcd vodmr: 1 refused user=y"+forged, "192.0.2.11"),
		refusedLine(t, "2026-11-22 10:00:00 "+`"`+forged, "192.0.2.12"),
		refusedLine(t, strings.Repeat(`"`+forged, 300), "192.0.2.13"),
		refusedLine(t, "odmr@example.org", "2001:db8::14"),
	}
	want := []string{
		"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7",
		"192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13", "2001:db8::14",
	}
	innocent := []string{
		"vodmr: 4711 login user=odmr@example.org mechanism=CRAM-MD5 ip=" + victim + "\n",
		"vodmr: 4711 error user=odmr@example.org mechanism=CRAM-MD5 ip=" + victim + " reply=\"454 4.7.0 x\"\n",
		"vodmr: 4711 end ip=" + victim + " reason=quit\n",
		"vodmr-relay: 4711 refused user=x mechanism=PLAIN ip=" + victim + " reply=x\n",
		`vodmr: 4711 login user="x refused user=x` + forged + "\"\n",
		"tcpserver: ok 4711 mail:192.0.2.1:366 vodmr: 4711 refused user=x" + forged + "\n",
	}
	log := filepath.Join(t.TempDir(), "current")
	text := strings.Join(innocent, "") + strings.Join(lines, "") + strings.Join(innocent, "")
	if err := os.WriteFile(log, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(regex, "--out", "ip", log, "../../dist/fail2ban/vodmr.conf").Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if diff := cmp.Diff(want, strings.Fields(string(out))); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}
