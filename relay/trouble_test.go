package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// TestTrouble: what a look-up needs and cannot have is no reason to say yes, nor
// that there is no mail: the customer is to come again, the log says why, and
// the mail stays.
func TestTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string // a name that ends in / is a folder
		rule  string
		want  string // in the log
	}{
		"virtualdomains is a folder":   {files: map[string]string{"qmail/control/virtualdomains/": ""}, want: "control/virtualdomains"},
		".qmail-default is a folder":   {files: map[string]string{"domain/.qmail-default/": ""}, want: ".qmail-default"},
		"a rule with a bad domain":     {rule: `odmr@example.org:allow,VODMR_DOMAINS="a..example"`, want: "domain"},
		"a rule's .qmail-default":      {files: map[string]string{"domain/.qmail-default/": ""}, rule: `odmr@example.org:allow,VODMR_DOMAINS="example.org"`, want: ".qmail-default"},
		"new is a file":                {files: map[string]string{"maildir/new": ""}, want: "new"},
		"a senseless VODMR_WINDOW":     {rule: `odmr@example.org:allow,VODMR_WINDOW="many"`, want: "VODMR_WINDOW"},
		"a senseless VODMR_SOFTBOUNCE": {rule: `odmr@example.org:allow,VODMR_SOFTBOUNCE="yes"`, want: "VODMR_SOFTBOUNCE"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.fill(t, 1)
			for file, text := range test.files {
				s.replace(t, file, text)
			}
			if test.rule != "" {
				s.write(t, "rules", test.rule+"\n")
				s.config["rules"] = "rules.cdb"
			}
			log, err := s.run(t, "C: ATRN\nS: 451 4.3.0 *\nC: QUIT\nS: 221 *\nS: <end>")
			require.OK(t, err)
			if !strings.Contains(log, " error ") || !strings.Contains(log, test.want) {
				t.Errorf("the log does not name %s:\n%s", test.want, log)
			}
		})
	}
}

// replace puts a file or folder where something else may be.
func (s *site) replace(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.root, strings.TrimSuffix(name, "/"))
	if rest, ok := strings.CutPrefix(name, "maildir/"); ok {
		path = filepath.Join(s.maildir, strings.TrimSuffix(rest, "/"))
	}
	require.OK(t, os.RemoveAll(path))
	if strings.HasSuffix(name, "/") {
		require.OK(t, os.MkdirAll(path, 0o755))
	} else {
		require.OK(t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// TestEarlyBytes: what the customer said before 235 ends the session unheard.
func TestEarlyBytes(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 1)
	conn, peer := dialogue.Pair(t)
	conn.Send("ATRN\r\n")
	err := Serve(s.relayConfig(peer, openLog(t, s)))
	peer.Close()
	if err == nil || s.waiting(t) != 1 || !strings.Contains(s.log(t), " end ") {
		t.Errorf("it ended with %v, log:\n%s", err, s.log(t))
	}
	conn.Run("S: 554 5.5.0 *\nS: <end>")
}

// TestQuotaTrouble: a maildirsize that cannot be told is logged, and is no
// reason to keep or to repeat what was delivered.
func TestQuotaTrouble(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 2)
	require.OK(t, os.Symlink("/etc/passwd", filepath.Join(s.maildir, "maildirsize")))
	taken := 0
	require.OK(t, s.session(t, &customer.Server{Take: func(_ string, to []string, _ []byte) { taken += len(to) }}))
	log := s.log(t)
	if taken != 2 || s.waiting(t) != 0 || strings.Count(log, "file=maildirsize") != 1 || !strings.Contains(log, "stays=0 ") {
		t.Errorf("%d taken, %d left, log:\n%s", taken, s.waiting(t), log)
	}
}

// TestUnlinkFails: what was delivered and cannot be removed is removed by a later
// session, and never sent again.
func TestUnlinkFails(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root removes what it likes")
	}
	s := newSite(t, standardSite(t))
	s.fill(t, 1)
	folder := filepath.Join(s.maildir, "new")
	taken := 0
	server := &customer.Server{Take: func(string, []string, []byte) { taken++; require.OK(t, os.Chmod(folder, 0o555)) }}
	require.OK(t, s.session(t, server))
	if taken != 1 || s.waiting(t) != 1 {
		t.Fatalf("%d taken and %d left, want one each", taken, s.waiting(t))
	}
	require.OK(t, os.Chmod(folder, 0o755))
	_, _ = s.run(t, "C: ATRN\nS: 453 *\nC: QUIT\nS: 221 *\nS: <end>")
	if taken != 1 || s.waiting(t) != 0 {
		t.Errorf("%d taken and %d left in the end", taken, s.waiting(t))
	}
}

// TestDeletedLead: if the copy with the bytes that were read ahead is deleted, the
// others still get them.
func TestDeletedLead(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.config["fresh"] = "0s"
	s.fill(t, 20)
	taken := map[string]string{}
	server := &customer.Server{Mail: func(string) string {
		_ = os.Remove(filepath.Join(s.maildir, "new/1795336010.10.vm"))
		return ""
	}, Take: func(_ string, to []string, content []byte) {
		for _, r := range to {
			taken[r] = string(content)
		}
	}}
	require.OK(t, s.session(t, server))
	if _, sent := taken[recipient(10)]; sent || len(taken) != 19 {
		t.Errorf("%d were taken, the deleted one: %v", len(taken), sent)
	}
	for i := 11; i < 14; i++ {
		if !strings.Contains(taken[recipient(i)], "Subject: copies 1\r\n") {
			t.Errorf("%s got %q", recipient(i), taken[recipient(i)])
		}
	}
}

// TestChangedInLookahead: a large file that grew since its envelope was read does not
// go out in that session as what it was, and goes whole in the next.
func TestChangedInLookahead(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 1)
	name := filepath.Join(s.maildir, "new/1795339999.1.vm")
	text := "Return-Path: <ann@sender.test>\nDelivered-To: big@example.org\nReceived: x\n\n" + strings.Repeat("0123456\n", 2<<20/8)
	require.OK(t, os.WriteFile(name, []byte(text), 0o600))
	var sizes []int
	server := &customer.Server{Mail: func(from string) string {
		file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil && len(sizes) == 0 {
			fmt.Fprintln(file, "more")
			file.Close()
		}
		return ""
	}, Take: func(_ string, to []string, content []byte) { sizes = append(sizes, len(content)) }}
	require.OK(t, s.session(t, server))
	if len(sizes) != 1 || s.waiting(t) != 1 || !strings.Contains(s.log(t), "the file changed") {
		t.Fatalf("%d taken, %d left, log:\n%s", len(sizes), s.waiting(t), s.log(t))
	}
	require.OK(t, s.session(t, server))
	if want := len(onTheWire(text+"more\n")) - len("Return-Path: <ann@sender.test>\r\nDelivered-To: big@example.org\r\n"); len(sizes) != 2 || sizes[1] != want {
		t.Errorf("contents of %d bytes, want a second of %d", sizes, want)
	}
}

// TestSameMessageTwice: one message that lies there twice for one recipient goes
// out twice: a transaction names nobody two times.
func TestSameMessageTwice(t *testing.T) {
	for mode, server := range modes() {
		s := newSite(t, standardSite(t))
		for i := range 2 {
			s.write(t, fmt.Sprintf("new/179533600%d.1.vm", i), "Return-Path: <ann@sender.test>\nDelivered-To: bob@example.org\nReceived: x\n\nthe same\n")
		}
		var taken [][]string
		server.Take = func(_ string, to []string, _ []byte) { taken = append(taken, to) }
		require.OK(t, s.session(t, &server))
		if fmt.Sprint(taken) != "[[bob@example.org] [bob@example.org]]" || s.waiting(t) != 0 {
			t.Errorf("%s: taken %v, %d left", mode, taken, s.waiting(t))
		}
	}
}

// TestDamagedNotes: lines of the notes that make no sense are counted in the log,
// and the others count.
func TestDamagedNotes(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 5)
	s.write(t, "maildir/vodmr.notes", "rubbish\n1795336700 kept 1795336004.4.vm 3 1795336700 451 later\n1795336701 what is that\n")
	var order []string
	require.OK(t, s.session(t, &customer.Server{Take: func(_ string, to []string, _ []byte) { order = append(order, to...) }}))
	if log := s.log(t); !strings.Contains(log, "error file=vodmr.notes damaged=2") || s.waiting(t) != 0 {
		t.Errorf("%d left, log:\n%s", s.waiting(t), log)
	}
	if last := order[len(order)-1]; last != recipient(4) {
		t.Errorf("%s came last, want the one that was kept before", last)
	}
}
