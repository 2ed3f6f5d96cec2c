package relay

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/dialogue"
	"vodmr/test/kit/require"
)

// A claimant is a login with the domains that it holds; asked has the domains
// that it might ask for, and mail by domain what waits in its Maildir.
type claimant struct {
	name  string
	make  func(t *testing.T) *site
	holds map[string]string // the real domain, by the name that is asked for
	asked []string
	mail  map[string]string // the file's Delivered-To
}

func claimants() []claimant {
	ofVpopmail := map[string]string{
		"example.org": "bob@example.org", "other.example": "eve@other.example", "nowhere.test": "eve@nowhere.test",
	}
	asked := []string{"example.org", "alias.example", "other.example", "nowhere.test"}
	return []claimant{
		{"catch-all", func(t *testing.T) *site { return newSite(t, standardSite(t)) },
			map[string]string{"example.org": "example.org", "alias.example": "example.org"}, asked, ofVpopmail},
		{"POP account", func(t *testing.T) *site {
			s := newSite(t, standardSite(t))
			s.write(t, "domain/.qmail-default", "| /home/vpopmail/bin/vdelivermail '' "+s.root+"/domain/catchall\n")
			return s
		}, nil, asked, ofVpopmail},
		{"rule", func(t *testing.T) *site {
			s := newSite(t, standardSite(t))
			s.files["rules"] = "odmr@example.org:allow,VODMR_DOMAINS=\"nowhere.test\"\n"
			s.write(t, "rules", s.files["rules"])
			return s
		}, map[string]string{"nowhere.test": "nowhere.test"}, asked, ofVpopmail},
		{"system login", func(t *testing.T) *site {
			archive := standardSite(t)
			archive.Files = nil
			s := newSite(t, archive)
			s.config["login"] = "vq"
			s.write(t, "qmail/control/virtualdomains", "plain.example:vq\nlist.example:vq-list\nann.example:ann\nvqx.example:vqx\n")
			return s
		}, map[string]string{"plain.example": "plain.example", "list.example": "list.example"},
			[]string{"plain.example", "list.example", "ann.example", "vqx.example"}, map[string]string{
				"plain.example": "vq-bob@plain.example", "list.example": "vq-list-bob@list.example",
				"ann.example": "ann-eve@ann.example", "vqx.example": "vqx-eve@vqx.example",
			}},
	}
}

// TestInvariant3NoMailOfOthers: for each list of domains that can be asked for,
// no mail of a domain that the login does not hold goes out, and none at all
// if one of the list is such a domain. The replies to a customer without a
// login are tested by hostile's TestInvariant3NothingWithoutLogin.
func TestInvariant3NoMailOfOthers(t *testing.T) {
	for _, c := range claimants() {
		for subset := range 1 << len(c.asked) {
			var list []string
			for i, domain := range c.asked {
				if subset&(1<<i) != 0 {
					list = append(list, domain)
				}
			}
			t.Run(fmt.Sprintf("%s %s", c.name, strings.Join(list, ",")), func(t *testing.T) { c.restrict(t, list) })
			slices.Reverse(list)
			if len(list) == 2 {
				t.Run(fmt.Sprintf("%s %s", c.name, strings.Join(list, ",")), func(t *testing.T) { c.restrict(t, list) })
			}
		}
	}
}

// restrict asks for a list of domains, and compares what comes with what may.
func (c claimant) restrict(t *testing.T, list []string) {
	s := c.make(t)
	for domain, to := range c.mail {
		s.write(t, "new/1795336645.1."+domain, "Return-Path: <ann@sender.test>\nDelivered-To: "+to+"\nReceived: x\n\n"+domain+"\n")
	}
	want := c.may(list)
	var got []string
	server := &customer.Server{Take: func(_ string, to []string, _ []byte) {
		for _, address := range to {
			got = append(got, address[strings.LastIndexByte(address, '@')+1:])
		}
	}}
	s.ask(t, strings.Join(list, ","), want != nil, server)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("mail for %q came, want %q", got, want)
	}
	for domain := range c.mail {
		_, err := os.Stat(filepath.Join(s.maildir, "new/1795336645.1."+domain))
		if gone := os.IsNotExist(err); gone != slices.Contains(want, domain) {
			t.Errorf("the mail of %s is gone: %v", domain, gone)
		}
	}
}

// may lists the domains of which mail may come, or is nil for a refusal.
func (c claimant) may(list []string) (domains []string) {
	for _, domain := range list {
		if c.holds[domain] == "" {
			return nil
		}
	}
	for name, real := range c.holds {
		asked := len(list) == 0 || slices.Contains(list, name)
		if asked && !slices.Contains(domains, real) && c.mail[real] != "" {
			domains = append(domains, real)
		}
	}
	slices.Sort(domains)
	return domains
}

// ask runs a session with this list, which turns or is refused.
func (s *site) ask(t *testing.T, list string, turns bool, server *customer.Server) {
	t.Helper()
	conn, peer := dialogue.Pair(t)
	config := s.relayConfig(peer, openLog(t, s))
	done := make(chan error, 1)
	go func() { err := Serve(config); peer.Close(); done <- err }()
	conn.Run("S: 235 *\nC: ATRN " + list)
	if turns {
		conn.Expect("250 *")
		_, err := server.Serve(conn.Net())
		require.OK(t, err)
	} else {
		conn.Run("S: 450 4.7.1 *\nC: QUIT\nS: 221 *\nS: <end>")
	}
	require.OK(t, <-done)
}
