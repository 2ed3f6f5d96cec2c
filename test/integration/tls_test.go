package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vodmr/test/kit/require"
)

// fetchmail forgets lines that its TLS library has read ahead, so a provider's
// records can make it wait for good: see vodmr-tls(8). Here it has ten times 500
// messages to stall at, with a line of each length around the 8192 bytes that it
// reads at once, and many transactions in flight. A stall ends at sessionLimit,
// some thirty times what a run needs, as a failure.
func TestFetchmailOverTLS(t *testing.T) {
	t.Parallel()
	const runs, messages = 10, 500
	for run := range runs {
		t.Run(strconv.Itoa(run+1), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			mx := startPostfix(t, s.domain)
			certificate := s.certify(t, s.owner)
			s.front = []string{program(t, "vodmr-tls"), "-c", certificate.file}
			s.settings = []string{"VODMR_REQUIRETLS=1"}
			s.ssl = fmt.Sprintf("ssl sslcertck sslcertfile %q sslcommonname %q", certificate.public, s.host)
			p := s.listen(t)
			s.deliverLongLines(t, rand.New(rand.NewPCG(uint64(run), 0)), messages)
			begin := time.Now()
			if code, output := s.fetchmail(t, p, mx.port); code != 0 {
				t.Fatalf("fetchmail exits %d: %.4000s", code, output)
			}
			t.Logf("fetched in %v", time.Since(begin))
			mx.settle(t)
			onceEach(t, s, mx.mailbox())
			// A first session says the probe twice.
			took := fmt.Sprintf(" mail=%d rcpt=%d/%d bdat=", messages+2, messages, messages+2)
			eventually(t, time.Minute, "Postfix says that it took all by BDAT", func() bool {
				return strings.Contains(readFile(t, mx.log()), took)
			})
		})
	}
}

// deliverLongLines delivers messages of mixed sizes, up to streams of
// several chunks. Each length from 7,990 to 8,300 bytes is some line's, its end counted:
// first, last or between others.
func (s *site) deliverLongLines(t testing.TB, random *rand.Rand, messages int) {
	t.Helper()
	const shortest, longest = 7990, 8300
	for i := range messages {
		before, after := text(random), text(random)
		if i%100 == 99 {
			after += strings.Repeat(strings.Repeat("m", 71)+"\n", 30000)
		}
		long := ""
		if length := shortest + i; length <= longest {
			long = strings.Repeat(string(rune('a'+i%26)), length-1) + "\n"
		}
		body := [...]string{long + after, before + long, before + long + after}[i%3]
		s.deliver(t, "ann@sender.test", body, fmt.Sprintf("user%d@%s", i%7, s.domain))
	}
}

// text is some lines: mostly few, at times many.
func text(random *rand.Rand) string {
	var b strings.Builder
	for range random.IntN(1 << random.IntN(10)) {
		b.WriteString(strings.Repeat("x", random.IntN(100)) + "\n")
	}
	return b.String()
}

// The whole chain as INSTALL has it for a site without vpopmail, by STARTTLS:
// if the tests run as root the key is root's, and TLS runs as nobody.
func TestAtrnBySTARTTLS(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	self := account{os.Geteuid(), os.Getegid()}
	certificate := s.certify(t, self)
	s.front = []string{program(t, "vodmr-tls"), "-s", "-c", certificate.file}
	if self.uid == 0 {
		s.front = append(s.front, "-u", "nobody")
	}
	s.settings = []string{"VODMR_REQUIRETLS=1"}
	s.checkpw = []string{program(t, "vodmr-checkpw"), s.vpasswd(t, self)}
	s.trust = []string{"-F", certificate.sha256}
	p := s.listenAs(t, require.Program(t, "tcpserver"), "127.0.0.1")
	s.deliverVariety(t)
	inbox := filepath.Join(t.TempDir(), "Maildir")
	s.mustFetch(t, p, "-m", inbox)
	onceEach(t, s, inbox)
	if got := p.lines(t, "vodmr: ", " login ", "mechanism=PLAIN"); len(got) != 1 {
		t.Errorf("logins by PLAIN: got %q, want one", got)
	}
	if got := p.lines(t, "vodmr-tls: "); len(got) > 0 {
		t.Errorf("vodmr-tls complains: %q", got)
	}
}

// vpasswd writes vodmr-checkpw's file, with a hash in place of a clear password.
func (s *site) vpasswd(t testing.TB, reader account) string {
	t.Helper()
	path := filepath.Join(s.dir, "vpasswd")
	// The hash that `openssl passwd -6 -salt saltsalt` makes of the site's password.
	const hash = "$6$saltsalt$UFkVLvQmlOhB8Ap3IN3hJ4Hk.54ryzjCjITmsrHzkMBiwHI/nlzrvXK/RgSMe0gjnbHeacIpoqvzqDdPANdWk."
	reader.write(t, path, fmt.Sprintf("%s:%s:%d:%d:ODMR:%s:-:\n", s.login, hash, s.owner.uid, s.owner.gid, s.home), 0o600)
	return path
}
