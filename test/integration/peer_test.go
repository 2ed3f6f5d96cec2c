package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A peer is one kind of mail server at the customer's end. All refuse recipients that
// begin with "refused" and defer those that begin with "deferred".
type peer struct {
	name  string
	modes []mode // that it offers the extensions for
	start func(t *testing.T, domain string) *running

	// patience is after what silence the line to it is cut; 0 for never. That spares
	// the test a minute if the server itself waits for what it has lost.
	patience time.Duration

	// How its stored copies may differ from what was sent.
	adds       []string       // header lines on top, beside those that all may add
	completes  *regexp.Regexp // what it adds to the end of a header that lacks it
	anySender  bool           // it does not hand on who sent a message
	exceptions map[string]exception

	// refusing is what may become of all that it refuses; 0 for that it bounces.
	refusing outcome
}

// An exception is a message that one peer takes otherwise than the others do.
type exception struct {
	why   string
	may   outcome                     // 0 for as with the others
	keeps func(content string) string // what its copy is; nil for as it was sent
}

// keeps gives the content of a message as the peer stores it.
func (kind *peer) keeps(m oddMail) string {
	if e := kind.exceptions[m.name]; e.keeps != nil {
		return e.keeps(m.sent())
	}
	return m.sent()
}

var peers = []*peer{
	postfixPeer, eximPeer, opensmtpdPeer, sendmailPeer, qpsmtpdPeer, chasquidPeer,
	goSMTPPeer, narrowGoSMTPPeer, oldGoSMTPPeer, aiosmtpdPeer,
}

// Whatever server a customer has, each of its messages arrives once byte for byte, or
// bounces once, or waits.
func TestPeers(t *testing.T) {
	t.Parallel()
	for _, kind := range peers {
		for _, how := range kind.modes {
			t.Run(kind.name+"/"+how.name, func(t *testing.T) {
				t.Parallel()
				kind.account(t, how, func(s *site, p *provider, port string) (int, string) {
					return s.atrn(t, p, "-s", "127.0.0.1:"+port)
				})
			})
		}
	}
}

func TestPeersByFetchmail(t *testing.T) {
	t.Parallel()
	for _, kind := range []*peer{eximPeer, goSMTPPeer} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			kind.account(t, chunked, func(s *site, p *provider, port string) (int, string) {
				return s.fetchmail(t, p, port)
			})
		})
	}
}

// account delivers the odd mail, makes sessions until only what may wait still does,
// and settles the account.
func (kind *peer) account(t *testing.T, how mode, session func(s *site, p *provider, port string) (int, string)) {
	const sessions = 20 // chasquid hangs up after three errors
	s := newSite(t)
	server := kind.start(t, s.domain)
	p := s.listen(t)
	list := s.deliverOdd(t)
	kind.except(t, list)
	port := how.through(t, server.port, kind.patience)
	for n := 1; ; n++ {
		code, output := session(s, p, port)
		s.ended(t)
		t.Logf("session %d exits %d: %s", n, code, lastLine(output))
		if s.onlyWaits(t, list) || n == sessions {
			break
		}
	}
	if server.idle != nil {
		eventually(t, sessionLimit, kind.name+" delivers what it took", server.idle)
	}
	for i, m := range list {
		list[i].doubts = len(p.lines(t, " doubt ", m.file))
	}
	settleAccount(t, s, kind, server.kept, list)
}

// except sets what may become of messages that this peer takes otherwise.
func (kind *peer) except(t testing.TB, list []oddMail) {
	t.Helper()
	for name, e := range kind.exceptions {
		i := slices.IndexFunc(list, func(m oddMail) bool { return m.name == name })
		if i < 0 {
			t.Fatalf("there is no message %q", name)
		}
		if e.may != 0 {
			list[i].may = e.may
		}
	}
	for i := range list {
		if list[i].may == bounces {
			list[i].may |= kind.refusing
		}
	}
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
