package install

import (
	"strings"
	"testing"
	"time"
)

// Part 1: two machines that systemd has booted, from bare to a first message, a second
// domain, a second customer, an upgrade, and back to bare.
func TestInstallAtBothEnds(t *testing.T) {
	s := newTale(t)
	s.home.must("useradd -m ann")
	r := &reader{machine: s.front.machine, customer: s.home.machine, steps: readSteps(t), began: time.Now(),
		before: func() {}, other: strings.NewReplacer()}
	r.part(1, 13)
	for _, b := range []*box{s.front, s.home} {
		if left := b.must("ls -d /etc/vodmr /etc/atrn 2>/dev/null; getent passwd vodmr vodmrmail || :"); left != "" {
			t.Errorf("%s: left: %s", b.name, left)
		}
	}
	t.Logf("all: %d commands, %.0f s", r.count, time.Since(r.began).Seconds())
}
