package install

import (
	"testing"
	"time"
)

// A tale is what two admins type, each at a machine, with the time of each command.
type tale struct {
	t     *testing.T
	began time.Time
}

// do runs a command that must succeed, and prints it as the admin would see it.
func (s *tale) do(b *box, command string) string {
	s.t.Helper()
	begin := time.Now()
	out, code := b.run(command)
	s.t.Logf("%6.2f s %s# %s   (%.2f s)\n%s", begin.Sub(s.began).Seconds(), b.name, command, time.Since(begin).Seconds(), out)
	if code != 0 {
		s.t.Fatalf("%s: exit %d: %s\n%s", b.name, code, command, out)
	}
	return out
}

func TestTwoCommandsAtEachEnd(t *testing.T) {
	base, stage := bare(t), newStage(t, debian(t))
	front, customer := newBox(t, base, stage, "front"), newBox(t, base, stage, "customer")
	connect(t, front, "192.0.2.1/24", customer, "192.0.2.2/24")
	for _, b := range []*box{front, customer} {
		b.must("printf '127.0.0.1 localhost\n192.0.2.1 mail.example.net\n192.0.2.2 example.org\n' >/etc/hosts")
		b.must("useradd -m someone")
	}
	front.must("echo mail.example.net >/etc/hostname; hostname mail.example.net")
	customer.must("echo example.org >/etc/hostname; hostname example.org")
	s := &tale{t, time.Now()}
	s.do(front, "apt-get install -y /stage/bin/vodmr_*.deb postfix")
	s.do(front, "vodmr-front mail.example.net example.org")
}
