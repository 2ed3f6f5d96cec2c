package fetch

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vodmr/test/kit/require"
)

// smallDisk mounts a disk of 4 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	require.Root(t, "only root mounts a disk")
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		require.Skip(t, "no disk can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestReceiveOntoASmallDisk: a message that does not fit is refused for now, by its
// announced size before its content if there is one, and the next is taken. Its octets
// are no commands.
func TestReceiveOntoASmallDisk(t *testing.T) {
	const size = 5 << 20
	content := strings.Repeat("QUIT\r\nQUIT\r\nMAIL\r\n", size/18+1)[:size-2] + "\r\n"
	const mail, rcpt = "MAIL FROM:<a@s.example>", "\r\nRCPT TO:<u@example.org>\r\n"
	for _, test := range []struct {
		name, sent string
		replies    string
		then       string // after 354
	}{
		{"DATA", mail + rcpt + "DATA\r\n", "250 250 354", content + ".\r\n"},
		{"DATA, announced", mail + fmt.Sprint(" SIZE=", size) + rcpt + "DATA\r\n", "452 503 503", ""},
		{"DATA, announced, for two", mail + fmt.Sprint(" SIZE=", size/2) + rcpt + rcpt[2:] + "DATA\r\n", "250 250 250 452", ""},
		{"BDAT", mail + rcpt + fmt.Sprintf("BDAT %d LAST\r\n%s", size, content), "250 250 452", ""},
		{"BDAT, announced", mail + fmt.Sprint(" SIZE=", size) + rcpt + fmt.Sprintf("BDAT %d LAST\r\n%s", size, content), "452 503 503", ""},
		{"chunks", mail + rcpt + fmt.Sprintf("BDAT 100\r\n%s", content[:100]) + fmt.Sprintf("BDAT %d\r\n%s", size, content) + "BDAT 6 LAST\r\nQUIT\r\n", "250 250 250 452 503", ""},
		{"BDAT after a refused recipient", mail + "\r\nRCPT TO:<u@other.example>\r\n" + fmt.Sprintf("BDAT %d LAST\r\n%s", size, content), "250 550 554", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(smallDisk(t), "Maildir")
			v := start(t, Session{Sink: Maildir{Dir: dir, Host: "mx", Idle: IdleTime, Domains: []string{"example.org"}}})
			v.turn()
			v.Send("HELO p\r\nRSET\r\n")
			for _, reply := range []string{"220*", "250*", "250*"} {
				v.Expect(reply)
			}
			v.Send(test.sent)
			for _, reply := range strings.Fields(test.replies) {
				v.Expect(reply + " *")
			}
			if test.then != "" {
				v.Send(test.then)
				v.Expect("452 4.3.1 *")
			}
			v.Send("RSET\r\n" + mail + rcpt + "BDAT 3 LAST\r\nx\r\nQUIT\r\n")
			for _, reply := range []string{"250*", "250*", "250*", "250*", "221*"} {
				v.Expect(reply)
			}
			v.end(ExitFetched, "")
			v.counted(1, 3)
			v.refused(1, map[bool]string{true: "452 4.3.1 *", false: "550 *"}[strings.Contains(test.replies+test.then, "452") || test.then != ""])
			wantDelivered(t, dir, "Return-Path: <a@s.example>\nDelivered-To: u@example.org\nx\n")
		})
	}
}

// TestMetricsOntoAFullDisk: the file that is there stays, so its counters are not lost.
func TestMetricsOntoAFullDisk(t *testing.T) {
	dir := smallDisk(t)
	var warned []error
	m := &Metrics{File: filepath.Join(dir, "atrn.prom"), Provider: "p", Login: "u", Warn: func(err error) { warned = append(warned, err) }}
	m.Watch(&Tally{})(nil)
	good := require.File(t, m.File)
	require.OK(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=4k"))
	m.Watch(&Tally{})(nil)
	if now := require.File(t, m.File); now != good || len(warned) == 0 {
		t.Errorf("the file was\n%s\nand is\n%s\nwarned of %v", good, now, warned)
	}
}
