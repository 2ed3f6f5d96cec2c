package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/require"
)

// A spoiler is something bad that lies in front of good messages.
type spoiler struct {
	name  string
	spoil func(t *testing.T, s *site, server *customer.Server)
	stays int // files that are left in the end
}

// oldest is a name that comes before all that fill makes.
const oldest = "new/1700000000.1.vm"

// written is a spoiler that is a file of this content.
func written(name, text string, stays int) spoiler {
	return spoiler{name, func(t *testing.T, s *site, _ *customer.Server) { s.write(t, oldest, text) }, stays}
}

// answeredBy is a spoiler that is a good file to which the customer's server
// says something bad.
func answeredBy(name string, stays int, set func(server *customer.Server, reply func(to string) string), text string) spoiler {
	return spoiler{name, func(t *testing.T, s *site, server *customer.Server) {
		s.write(t, oldest, "Return-Path: <ann@sender.test>\nDelivered-To: bad@example.org\nReceived: x\n\nbad\n")
		set(server, func(to string) string {
			if strings.HasPrefix(to, "bad@") {
				return text
			}
			return ""
		})
	}, stays}
}

func toRcpt(server *customer.Server, reply func(string) string) { server.Rcpt = reply }

func toContent(server *customer.Server, reply func(string) string) {
	server.Content = func(_ string, to []string) string { return reply(to[0]) }
}

func spoilers() []spoiler {
	const from, to = "Return-Path: <ann@sender.test>\n", "Delivered-To: bad@example.org\n"
	return []spoiler{
		written("empty", "", 1),
		written("no envelope", "Received: x\n"+from+to+"\n", 1),
		written("NUL in the recipient", from+"Delivered-To: b\x00d@example.org\nReceived: x\n\n", 1),
		written("sender of 2000 bytes", "Return-Path: <"+strings.Repeat("x", 2000)+"@sender.test>\n"+to+"Received: x\n\n", 1),
		written("header without end", strings.Repeat("x", 200<<10), 1),
		written("of a stranger", from+"Delivered-To: eve@other.example\nReceived: x\n\n", 1),
		written("over SIZE", from+to+"Received: x\n\n"+strings.Repeat("x", 200<<10), 0),
		written("needs SMTPUTF8", from+"Delivered-To: b\xc3\xa4d@example.org\nReceived: x\n\n", 0),
		{"directory", func(t *testing.T, s *site, _ *customer.Server) {
			require.OK(t, os.Mkdir(filepath.Join(s.maildir, oldest), 0o700))
		}, 1},
		{"FIFO", func(t *testing.T, s *site, _ *customer.Server) {
			require.OK(t, syscall.Mkfifo(filepath.Join(s.maildir, oldest), 0o600))
		}, 1},
		{"link", func(t *testing.T, s *site, _ *customer.Server) {
			require.OK(t, os.Symlink("/etc/passwd", filepath.Join(s.maildir, oldest)))
		}, 1},
		{"bounce that is not queued", func(t *testing.T, s *site, _ *customer.Server) {
			s.write(t, oldest, from+to+"Received: x\n\n"+strings.Repeat("x", 200<<10))
			bin := filepath.Join(s.root, "qmail/bin/qmail-queue")
			require.OK(t, os.Remove(bin))
			require.OK(t, os.WriteFile(bin, []byte("#!/bin/sh\nexit 53\n"), 0o755))
		}, 1},
		{"two that break each session, one of them for long", func(t *testing.T, s *site, server *customer.Server) {
			s.write(t, oldest, from+to+"Received: x\n\nlong\n")
			s.write(t, oldest+"2", from+"Delivered-To: good@example.org\nReceived: x\n\nnot any more\n")
			s.write(t, "maildir/vodmr.notes", "1795336700 broke 1700000000.1.vm 9\n1795336700 broke 1700000000.1.vm2 2\n")
			server.Rcpt = func(to string) string {
				if strings.HasPrefix(to, "bad@") {
					return "421 4.3.0 poison"
				}
				return ""
			}
		}, 1},
		answeredBy("RCPT refused", 0, toRcpt, "550 5.1.1 no"),
		answeredBy("RCPT deferred", 1, toRcpt, "450 4.2.1 later"),
		answeredBy("RCPT unknown", 0, toRcpt, "500 5.5.1 what"),
		answeredBy("poison in RCPT", 1, toRcpt, "421 4.3.0 poison"),
		answeredBy("content refused", 0, toContent, "554 5.7.1 spam"),
		answeredBy("content deferred", 1, toContent, "451 4.3.0 scanner is down"),
		answeredBy("poison in the content", 1, toContent, "421 4.3.0 poison"),
	}
}

// TestInvariant5NothingBlocks: whatever lies in front, each good message arrives
// within three sessions, once, in every mode; and what is bad is not lost.
func TestInvariant5NothingBlocks(t *testing.T) {
	const good, sessions = 6, 3
	for mode := range modes() {
		for _, bad := range spoilers() {
			t.Run(mode+", "+bad.name, func(t *testing.T) {
				s := newSite(t, standardSite(t))
				s.fill(t, good)
				server := modes()[mode]
				server.Offers = []string{"SIZE 100000"}
				bad.spoil(t, s, &server)
				taken := map[string]int{}
				server.Take = func(_ string, to []string, _ []byte) {
					for _, r := range to {
						taken[r]++
					}
				}
				for range sessions {
					if s.waiting(t) > bad.stays {
						_ = s.session(t, &server)
					}
				}
				for i := range good {
					if n := taken[recipient(i)]; n != 1 {
						t.Errorf("%s arrived %d times", recipient(i), n)
					}
				}
				envelopes, _ := s.queued(t)
				if left, bounced := s.waiting(t), strings.Count(envelopes, "\n"); left != bad.stays || bounced != 1-bad.stays {
					t.Errorf("%d left and %d bounced, want %d left:\n%s", left, bounced, bad.stays, s.log(t))
				}
			})
		}
	}
}

// TestShrinkingFile: a file that becomes shorter while it is streamed never
// arrives as if it were whole, and stays.
func TestShrinkingFile(t *testing.T) {
	const size = 3 << 20
	for mode, server := range modes() {
		t.Run(mode, func(t *testing.T) {
			s := newSite(t, standardSite(t))
			s.write(t, oldest, "Return-Path: <ann@sender.test>\nDelivered-To: bad@example.org\nReceived: x\n\n"+strings.Repeat("0123456\n", size/8))
			s.fill(t, 1)
			server.Rcpt = func(to string) string {
				if to == "bad@example.org" {
					name := filepath.Join(s.maildir, oldest)
					info, err := os.Stat(name)
					require.OK(t, err)
					require.OK(t, os.Truncate(name, info.Size()-8))
				}
				return ""
			}
			var taken []string
			server.Take = func(_ string, to []string, _ []byte) { taken = append(taken, to...) }
			for range 3 {
				if s.waiting(t) > 1 {
					_ = s.session(t, &server)
				}
			}
			if got := fmt.Sprint(taken); got != "["+recipient(0)+"]" || s.left(t) != oldest+"\n" {
				t.Errorf("taken: %s, left: %q", got, s.left(t))
			}
			if log := s.log(t); !strings.Contains(log, "the file changed while it was read") {
				t.Errorf("the log does not say what happened:\n%s", log)
			}
		})
	}
}

// TestRcptDomainMax: RFC 9422's limit on the domains of one transaction.
func TestRcptDomainMax(t *testing.T) {
	for limit, want := range map[int]int{1: 3, 2: 2, 3: 1} {
		s := newSite(t, standardSite(t))
		s.write(t, "rules", "odmr@example.org:allow,VODMR_DOMAINS=\"a.test,b.test,c.test\"\n")
		s.config["rules"] = "rules.cdb"
		for i, domain := range []string{"a", "b", "c"} {
			s.write(t, fmt.Sprintf("new/179533600%d.1.vm", i),
				"Return-Path: <ann@sender.test>\nDelivered-To: bob@"+domain+".test\nReceived: x\n\nthe same\n")
		}
		transactions := 0
		server := &customer.Server{Pipelining: true, Chunking: true,
			Offers: []string{fmt.Sprintf("LIMITS RCPTDOMAINMAX=%d", limit)},
			Take:   func(string, []string, []byte) { transactions++ }}
		require.OK(t, s.session(t, server))
		if transactions != want || s.waiting(t) != 0 {
			t.Errorf("RCPTDOMAINMAX=%d: three domains in %d transactions, want %d", limit, transactions, want)
		}
	}
}
