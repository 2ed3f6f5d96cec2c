package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// metric is a value of the file that -M writes, "" if it is not there.
func metric(t *testing.T, file, name string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+`{provider="`); ok {
			return strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):])
		}
	}
	return ""
}

// The counters go on over several programs, the last visit's end is there, and nothing
// but the file is left in its folder.
func TestMetrics(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "atrn.prom")
	const message = `'HELO p' 'MAIL FROM:<>' 'RCPT TO:<a@b.example>' DATA; for i in 1 2 3 4 5; do read a; done; say x .; read a; say QUIT; read a`
	good, refused := provider("say '250 go'; say "+message), provider("say '450 4.7.1 no'; read a")
	for _, line := range []string{good, good, refused} {
		fetchWith(t, "-M", file, "-u", "u", "-p", passfile(t, 0o600), "-e", line, "sh", "-c", answering)
	}
	for name, want := range map[string]string{
		"atrn_visits_total": "3", "atrn_failures_total": "1", "atrn_messages_total": "2", "atrn_bytes_total": "12",
		"atrn_refused_total": "0", "atrn_exit_code": "69", "atrn_standing": "0",
	} {
		if got := metric(t, file, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if fetched := metric(t, file, "atrn_fetched_timestamp_seconds"); len(fetched) != 10 {
		t.Errorf("last fetched at %q", fetched)
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 1 {
		t.Errorf("the folder holds %v", entries)
	}
}

// A confined atrn may write its metrics as well as its Maildir.
func TestMetricsBesideAMaildir(t *testing.T) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.AcceptTCP()
		if err != nil {
			return
		}
		defer conn.Close()
		file, err := conn.File()
		if err != nil {
			return
		}
		defer file.Close()
		cmd := exec.Command("sh", "-c", provider("say '453 none'; read a"))
		cmd.Stdin, cmd.Stdout = file, file
		_ = cmd.Run()
	}()
	file := filepath.Join(t.TempDir(), "atrn.prom")
	code, _, stderr := fetchWith(t, "-M", file, "-u", "u", "-p", passfile(t, 0o600), "-T", "none", "-m", filepath.Join(t.TempDir(), "Maildir"), l.Addr().String())
	if code != 0 || strings.Contains(stderr, "metrics") || metric(t, file, "atrn_visits_total") != "1" {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// A file that cannot be written costs a warning, and no mail.
func TestMetricsThatCannotBeWritten(t *testing.T) {
	code, _, stderr := fetchWith(t, "-M", "/nonexistent/atrn.prom", "-u", "u", "-p", passfile(t, 0o600),
		"-e", provider("say '453 none'; read a"), "true")
	if code != 0 || strings.Count(stderr, "cannot write the metrics of -M") != 1 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// The file says if there is a standing session, and no longer says so once it has ended.
func TestMetricsOfAStandingSession(t *testing.T) {
	file := filepath.Join(t.TempDir(), "atrn.prom")
	cmd, log := startRepeating(t, provider(`say '250 go'; echo turned >&2; while read a; do :; done`), "turned\n", "-M", file, "-i", "sh", "-c", answering)
	isStanding := func() bool {
		_, err := os.Stat(file)
		return err == nil && metric(t, file, "atrn_standing") == "1"
	}
	for end := time.Now().Add(time.Minute); !isStanding(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the file never says that there is a standing session")
		}
	}
	endBy(t, syscall.SIGTERM, cmd, log, "*cut short*")
	if got := metric(t, file, "atrn_standing"); got != "0" {
		t.Errorf("after the end atrn_standing is %q", got)
	}
}
