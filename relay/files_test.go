package relay

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/require"
)

const fixtures = "../test/data/fixtures"

// copyFixtures puts the messages of a fixture Maildir into the site's.
func (s *site) copyFixtures(t *testing.T, maildir string) {
	names, err := filepath.Glob(filepath.Join(fixtures, maildir, "new/*"))
	require.OK(t, err)
	if len(names) == 0 {
		t.Fatalf("no files in %s", maildir)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.OK(t, err)
		require.OK(t, os.WriteFile(filepath.Join(s.maildir, "new", filepath.Base(name)), text, 0o600))
	}
}

// TestFixtures: every file that a real qmail and vpopmail wrote goes out with
// the right sender and recipient, the oldest first, and loses its envelope lines
// and nothing else.
func TestFixtures(t *testing.T) {
	for _, test := range []struct {
		maildir, login, domain, catchall, virtual string
		want                                      []string
	}{
		{"vpopmail/maildir-directory-catchall", "odmr@example.org", "example.org", "$ROOT/domain/odmr", "", []string{
			"ann@sender.test carol@example.org bob@example.org", // copies, in one transaction
			" bob.x-ext@example.org",
			"a@s.test dave@example.org",
			"list-example.org-fay=example.org@s.test fay@example.org",
			`"\"odd sender\""@s.test gus+tag@example.org`,
			"b@s.test odmr@example.org",
		}},
		{"vpopmail/maildir-address-catchall", "odmr@fwd.example", "fwd.example", "odmr@fwd.example", "", []string{"a@s.test hal@fwd.example"}},
		{"vpopmail/maildir-quota", "odmr@quota.example", "quota.example", "$ROOT/domain/odmr", "", []string{"a@s.test eve@quota.example"}},
		{"qmail/maildir-prefix", "vq", "", "", "plain.example:vq\n", []string{"a@s.test Ivy.Mixed@plain.example"}},
	} {
		t.Run(test.maildir, func(t *testing.T) {
			archive := standardSite(t)
			archive.Files = nil
			s := newSite(t, archive)
			s.config["login"] = test.login
			catchall := strings.ReplaceAll(test.catchall, "$ROOT", s.root)
			if test.domain != "" {
				s.write(t, "qmail/users/assign", fmt.Sprintf("+%s-:%s:89:89:%s/domain:-::\n", test.domain, test.domain, s.root))
				s.write(t, "domain/.qmail-default", "| /home/vpopmail/bin/vdelivermail '' "+catchall+"\n")
			}
			s.write(t, "qmail/control/virtualdomains", test.virtual)
			s.copyFixtures(t, test.maildir)
			sizes := s.contentSizes(t, test.catchall)
			var got []string
			server := &customer.Server{Pipelining: true, Chunking: true, Take: func(from string, to []string, content []byte) {
				got = append(got, from+" "+strings.Join(to, " "))
				text := strings.ReplaceAll(string(content), "\r\n", "\n")
				if strings.HasPrefix(text, "Return-Path:") || strings.HasPrefix(text, "Delivered-To:") || !sizes[len(text)] {
					t.Errorf("content of %d bytes: %q", len(text), text)
				}
			}}
			require.OK(t, s.session(t, server))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("envelopes (-want +got):\n%s", diff)
			}
			if left := s.left(t); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

// contentSizes are the sizes of the files less their envelope lines, plus a last
// newline if there is none.
func (s *site) contentSizes(t *testing.T, catchall string) map[int]bool {
	sizes := map[int]bool{}
	names, err := filepath.Glob(filepath.Join(s.maildir, "new/*"))
	require.OK(t, err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.OK(t, err)
		lines := strings.SplitAfter(string(text), "\n")
		size := len(text) - len(lines[0]) - len(lines[1])
		if strings.Contains(catchall, "@") {
			size -= len(lines[3])
		}
		if !bytes.HasSuffix(text, []byte("\n")) {
			size++
		}
		sizes[size] = true
	}
	return sizes
}

// TestForeignFiles: what is no message is logged and blocks nothing.
func TestForeignFiles(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 20)
	dir := filepath.Join(s.maildir, "new")
	require.OK(t, os.Mkdir(filepath.Join(dir, "1700000000.directory.vm"), 0o700))
	require.OK(t, syscall.Mkfifo(filepath.Join(dir, "1700000001.fifo.vm"), 0o600))
	require.OK(t, os.Symlink("/etc/passwd", filepath.Join(dir, "1700000002.link.vm")))
	s.write(t, "new/1700000003.empty.vm", "")
	s.write(t, "new/1700000004.nul.vm", "\x00\x00\x00\x00")
	s.write(t, "new/1700000005.header.vm", "Return-Path: <a@b.test>\nDelivered-To: no-domain\nReceived: x\n\n")
	s.write(t, "new/1700000006.unreadable.vm", "Return-Path: <a@b.test>\n")
	require.OK(t, os.Chmod(filepath.Join(dir, "1700000006.unreadable.vm"), 0))
	s.write(t, "new/no-time-in-its-name", "Return-Path: <a@b.test>\nDelivered-To: late@example.org\nReceived: x\n\nbody\n")
	taken := map[string]int{}
	server := &customer.Server{Pipelining: true, Chunking: true, Take: func(_ string, to []string, _ []byte) {
		for _, r := range to {
			taken[r]++
		}
	}}
	require.OK(t, s.session(t, server))
	if len(taken) != 21 || taken["late@example.org"] != 1 {
		t.Errorf("taken: %v", taken)
	}
	log := s.log(t)
	for _, name := range []string{"directory", "fifo", "link", "empty", "nul", "header", "unreadable"} {
		if n := strings.Count(log, "skip file=new/170000000"); n != 7 {
			t.Fatalf("%d files skipped, want 7:\n%s", n, log)
		}
		if !strings.Contains(log, "."+name+".vm reason=") {
			t.Errorf("no skip of %s in\n%s", name, log)
		}
	}
	require.OK(t, os.Remove(filepath.Join(s.root, "log")))
	s.write(t, "new/1795339999.1.vm", "Return-Path: <a@b.test>\nDelivered-To: more@example.org\nReceived: x\n\nbody\n")
	require.OK(t, s.session(t, server))
	if log := s.log(t); strings.Contains(log, "skip") || !strings.Contains(log, "stays=") || taken["more@example.org"] != 1 {
		t.Errorf("the second session should only count what stays:\n%s", log)
	}
}

func (s *site) log(t *testing.T) string {
	text, err := os.ReadFile(filepath.Join(s.root, "log"))
	require.OK(t, err)
	return string(text)
}

// TestVanishingFiles: another program deletes and renames files while the
// session runs.
func TestVanishingFiles(t *testing.T) {
	const messages = 300
	for mode, server := range modes() {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.fill(t, messages)
			// A message further ahead than the relay reads is renamed or deleted
			// as soon as the first message has arrived.
			meddled := false
			taken := map[string]int{}
			server.Take = func(_ string, to []string, _ []byte) {
				for _, r := range to {
					taken[r]++
				}
				if meddled {
					return
				}
				meddled = true
				for i := 250; i < messages; i++ {
					name := fmt.Sprintf("%d.%d.vm", 1795336000+i, i)
					from := filepath.Join(s.maildir, "new", name)
					if i%2 == 0 {
						require.OK(t, os.Remove(from))
					} else {
						require.OK(t, os.Rename(from, filepath.Join(s.maildir, "cur", name+":2,S")))
					}
				}
			}
			require.OK(t, s.session(t, &server))
			for i := range messages {
				want := 1
				if i >= 250 && i%2 == 0 {
					want = 0
				}
				if got := taken[fmt.Sprintf("r%d@example.org", i)]; got != want {
					t.Errorf("message %d arrived %d times, want %d", i, got, want)
				}
			}
			if left := s.left(t); left != "" {
				t.Errorf("left: %s", left)
			}
			if log := s.log(t); strings.Count(log, "reason=gone") != 25 || !strings.Contains(log, "stays=0 ") {
				t.Errorf("the log should name 25 files that are gone:\n%s", log[max(0, len(log)-2000):])
			}
		})
	}
}

// TestDeletedInLookahead: a message that was read ahead and is deleted before its turn
// is not sent any more.
func TestDeletedInLookahead(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.config["fresh"] = "0s"
	s.fill(t, 20)
	taken := map[string]int{}
	server := &customer.Server{Mail: func(string) string {
		// Copies 0 to 3 are under way when 1 is deleted.
		for _, i := range []int{1, 12, 17} {
			_ = os.Remove(filepath.Join(s.maildir, "new", fmt.Sprintf("%d.%d.vm", 1795336000+i, i)))
		}
		return ""
	}, Take: func(_ string, to []string, _ []byte) {
		for _, r := range to {
			taken[r]++
		}
	}}
	require.OK(t, s.session(t, server))
	for i := range 20 {
		want := 1
		if i == 12 || i == 17 {
			want = 0
		}
		if got := taken[fmt.Sprintf("r%d@example.org", i)]; got != want {
			t.Errorf("message %d arrived %d times, want %d", i, got, want)
		}
	}
	if log := s.log(t); strings.Count(log, "reason=gone") != 2 || !strings.Contains(log, "stays=0 ") {
		t.Errorf("the log:\n%s", log)
	}
}

// TestBigMessages: what is over 1 MiB streams, in every mode, with its copies.
func TestBigMessages(t *testing.T) {
	body := strings.Repeat(".0123456789 \xc3\xa9\r\n.\nx\ry\n", 3<<20/22)
	want := strings.NewReplacer("\r\n", "\n", "\r", " ").Replace(body) + "end\n"
	for mode, server := range modes() {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			for i, to := range []string{"a", "b", "refused"} {
				s.write(t, fmt.Sprintf("new/%d.1.vm", 1795336000+i), "Return-Path: <ann@sender.test>\nDelivered-To: "+to+
					"@example.org\nReceived: x\nSubject: big\n\n"+body+"end")
			}
			s.write(t, "new/1795336009.1.vm", "Return-Path: <ann@sender.test>\nDelivered-To: small@example.org\nReceived: x\n\nsmall\n")
			var got []string
			server.Rcpt = func(to string) string {
				if strings.HasPrefix(to, "refused") {
					return "550 5.1.1 no"
				}
				return ""
			}
			server.Take = func(_ string, to []string, content []byte) {
				got = append(got, strings.Join(to, " "))
				text := strings.ReplaceAll(string(content), "\r\n", "\n")
				if _, text, _ = strings.Cut(text, "\n\n"); text != want && text != "small\n" {
					t.Errorf("%v: content of %d bytes differs from the %d sent", to, len(text), len(want))
				}
			}
			require.OK(t, s.session(t, &server))
			if diff := cmp.Diff([]string{"a@example.org b@example.org", "small@example.org"}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			envelopes, text := s.queued(t)
			if s.left(t) != "" || strings.Count(envelopes, "\n") != 1 || len(text) > 60000 {
				t.Errorf("left %q, bounced %q, %d bytes of bounces", s.left(t), envelopes, len(text))
			}
		})
	}
}

// TestUnwritableNotes: if notes cannot be written one message is in flight at
// a time, and all arrive.
func TestUnwritableNotes(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 30)
	// Neither the notes nor their successor can be made.
	require.OK(t, os.MkdirAll(filepath.Join(s.maildir, "vodmr.notes/x"), 0o700))
	require.OK(t, os.MkdirAll(filepath.Join(s.maildir, "vodmr.notes.bad/x"), 0o700))
	require.OK(t, os.MkdirAll(filepath.Join(s.maildir, "vodmr.notes.tmp/x"), 0o700))
	if most := s.mostInFlight(t); most > 1 {
		t.Errorf("at most %d in flight, want 1", most)
	}
	if log := s.log(t); !strings.Contains(log, "error error=") {
		t.Errorf("the log does not say that notes cannot be written:\n%s", log)
	}
}

// TestWindowSetting: VODMR_WINDOW bounds what is in flight.
func TestWindowSetting(t *testing.T) {
	for setting, want := range map[string]int{"1": 1, "3": 3, "": 4} { // 4 is where it starts
		s := newSite(t, standardSite(t))
		s.config["VODMR_WINDOW"] = setting
		s.fill(t, 30)
		if most := s.mostInFlight(t); most > want && setting != "" || most < want {
			t.Errorf("VODMR_WINDOW=%q: at most %d in flight, want %d", setting, most, want)
		}
	}
}

// mostInFlight relays all that a site holds to a server that offers everything,
// and says how many transactions were in flight at most.
func (s *site) mostInFlight(t *testing.T) int {
	t.Helper()
	waiting, taken := s.waiting(t), 0
	server := &customer.Server{Pipelining: true, Chunking: true, Take: func(_ string, to []string, _ []byte) { taken += len(to) }}
	conn, peer := socketPair(t)
	config := s.relayConfig(peer, openLog(t, s))
	trips := &tripCounter{Conn: config.Conn}
	config.Conn = trips
	done := make(chan error, 1)
	go func() { err := Serve(config); peer.Close(); done <- err }()
	skipLines(t, conn, 1)
	_, err := conn.Write([]byte("ATRN\r\n"))
	require.OK(t, err)
	skipLines(t, conn, 1)
	_, err = server.Serve(conn)
	require.OK(t, err)
	require.OK(t, <-done)
	if taken != waiting {
		t.Errorf("%d taken of %d", taken, waiting)
	}
	return trips.most
}

// TestKeptBehindNew: what earlier sessions deferred goes behind what is new, so
// that a server that hangs up after some refusals gets the rest of the mail.
func TestKeptBehindNew(t *testing.T) {
	for mode, server := range modes() {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.fill(t, 40)
			refusals := 0
			taken := 0
			server.Rcpt = func(to string) string {
				var n int
				fmt.Sscanf(to, "r%d@", &n)
				if n >= 30 {
					return ""
				}
				if refusals++; refusals%10 == 0 {
					return "421 4.7.0 too many errors"
				}
				return "450 4.1.1 unknown for now"
			}
			server.Take = func(_ string, to []string, _ []byte) { taken += len(to) }
			for range 8 {
				_ = s.session(t, &server)
			}
			if taken != 10 {
				t.Errorf("%d messages arrived from behind 30 that are deferred, want 10; left:\n%s", taken, s.left(t))
			}
		})
	}
}

// TestCopiesForManyUnknown: a server hangs up after so many refusals without mail, as
// Postfix does, and gets copies for more unknown recipients than that. They are equal, but
// each that is wanted arrives once, and each other bounces once.
func TestCopiesForManyUnknown(t *testing.T) {
	const messages, most, sessions = 40, 5, 10
	for mode, server := range modes() {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.write(t, "maildir/vodmr.notes", "1795336700 taken 1\n")
			s.fillCopies(t, 0, messages)
			errors, arrived := 0, 0
			server.Heard = func(line string) {
				if strings.HasPrefix(line, "EHLO") {
					errors = 0
				}
			}
			server.Rcpt = func(to string) string {
				var n int
				fmt.Sscanf(to, "r%d@", &n)
				if errors >= most {
					return "421 4.7.0 too many errors"
				} else if n%4 == 0 {
					return ""
				}
				errors++
				return "550 5.1.1 unknown"
			}
			server.Take = func(_ string, to []string, _ []byte) {
				errors = 0
				arrived += len(to)
			}
			for range sessions {
				if s.waiting(t) > 0 {
					_ = s.session(t, &server)
				}
			}
			envelopes, _ := s.queued(t)
			if bounced := strings.Count(envelopes, "\n"); arrived != messages/4 || bounced != messages-messages/4 || s.left(t) != "" {
				t.Errorf("%d arrived and %d bounced of %d in %d sessions; left:\n%s", arrived, bounced, messages, sessions, s.left(t))
			}
		})
	}
}

// TestManyForOthers: among very many files for others the first message goes out
// before all of them were looked at.
func TestManyForOthers(t *testing.T) {
	s := newSite(t, standardSite(t))
	s.fill(t, 1)
	for i := range 3000 {
		s.write(t, fmt.Sprintf("new/%d.%d.other", 1795336100+i, i), "Return-Path: <a@b.test>\nDelivered-To: x@elsewhere.example\nReceived: x\n\n")
	}
	skipped := -1
	server := &customer.Server{Mail: func(string) string {
		skipped = strings.Count(s.log(t), " skip ")
		return ""
	}}
	require.OK(t, s.session(t, server))
	if skipped < 0 || skipped > 2*200 {
		t.Errorf("%d files were looked at before MAIL, want at most %d", skipped, 2*200)
	}
	if n := strings.Count(s.log(t), " skip "); n != 3000 {
		t.Errorf("%d files skipped in all, want 3000", n)
	}
}

// TestUnreadable: mail that cannot be read is no reason to say that there is
// none.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root can read everything; TestForeignFiles has the rest")
	}
	s := newSite(t, standardSite(t))
	s.fill(t, 1)
	require.OK(t, os.Chmod(filepath.Join(s.maildir, "new/1795336000.0.vm"), 0))
	log, _ := s.run(t, "C: ATRN\nS: 451 4.3.0 *\nC: QUIT\nS: 221 *\nS: <end>")
	if !strings.Contains(log, "none of it can be read") {
		t.Errorf("the log:\n%s", log)
	}
}
