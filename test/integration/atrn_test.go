package integration

import (
	"fmt"
	"strings"
	"testing"
)

// refusedAll is atrn's exit code if the customer's server refused all mail.
const refusedAll = 65

// TestAtrnCountsWhatPostfixRefuses: in each mode atrn tells how many messages a real
// Postfix took and refused, and why.
func TestAtrnCountsWhatPostfixRefuses(t *testing.T) {
	t.Parallel()
	for name, setting := range withoutExtensions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			mx := startPostfix(t, s.domain, setting, "virtual_mailbox_maps = regexp:"+knownUsers(t))
			p := s.listen(t)
			for i := range 30 {
				recipient := fmt.Sprintf("user%d@%s", i, s.domain)
				if i%3 == 2 {
					recipient = "unknown-" + recipient
				}
				s.deliver(t, "ann@sender.test", fmt.Sprintf("message %d\n", i), recipient)
			}
			code, output := s.atrn(t, p, "-s", "127.0.0.1:"+mx.port)
			if code != 0 || !strings.Contains(output, "fetched 20, refused 10: 550 5.1.1 ") {
				t.Errorf("exit %d, %s", code, output)
			}
		})
	}
}

// TestAtrnTellsThatPostfixRefusesAll: a Postfix that does not know the domain.
func TestAtrnTellsThatPostfixRefusesAll(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mx := startPostfix(t, "another.test")
	p := s.listen(t)
	for i := range 3 {
		s.deliver(t, "ann@sender.test", fmt.Sprintf("message %d\n", i), fmt.Sprintf("user%d@%s", i, s.domain))
	}
	code, output := s.atrn(t, p, "-s", "127.0.0.1:"+mx.port)
	if code != refusedAll || !strings.Contains(output, "fetched 0, refused ") || !strings.Contains(output, "Relay access denied") {
		t.Errorf("exit %d, %s", code, output)
	}
}
