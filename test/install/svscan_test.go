package install

import (
	"os"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// Without systemd the front is a service of svscan. Its customer fetches by the invitation;
// at the end no service is left.
func TestFrontUnderSvscan(t *testing.T) {
	t.Parallel()
	require.Root(t, "only root makes a machine")
	base := os.Getenv("VODMR_DEBIAN")
	if base == "" {
		require.Skip(t, "VODMR_DEBIAN does not name a tree that debootstrap made")
	}
	b := newBareBox(t, base, newStage(t, debian(t)), "front")
	b.must("echo mail.example.net >/proc/sys/kernel/hostname; echo '127.0.0.1 localhost mail.example.net' >/etc/hosts")
	b.must("dpkg -i /stage/bin/vodmr_*.deb /stage/bin/atrn_*.deb")
	b.must("postconf -e myhostname=mail.example.net inet_interfaces=all inet_protocols=ipv4 mydestination=mail.example.net")
	b.must("{ svscan /etc/service >/dev/null 2>&1 & }")
	out := b.must("vodmr-front mail.example.net example.org")
	invitation := invitationLine.FindString(out)
	if !strings.Contains(out, "link /etc/vodmr as /etc/service/vodmr") || invitation == "" {
		t.Fatalf("vodmr-front: %s", out)
	}
	b.must("umask 077; cat >/root/invitation <<'end'\n" + invitation + "\nend")
	b.must("printf 'Subject: hello\\n\\nHello.\\n' | sendmail -f root@mail.example.net someone@example.org")
	eventually(t, "the mail", func() bool { return b.must("find /var/lib/vodmr -path '*/new/*'") != "" })
	if out := b.must("atrn -f /root/invitation -w 1 -m /root/Maildir"); !strings.Contains(out, "fetched 1 messages") {
		t.Errorf("atrn: %s", out)
	}
	if out := b.must("vodmr-front mail.example.net example.org"); !strings.Contains(out, "nothing to change") {
		t.Errorf("a second time: %s", out)
	}
	b.must("vodmr-front -d example.org")
	b.must("dpkg --purge vodmr")
	eventually(t, "the end of the service", func() bool {
		return b.must("cat /proc/[0-9]*/comm | grep -c -E 'tcpserver|supervise|multilog' || :") == "0"
	})
	if left := b.must("ls -d /etc/vodmr /etc/service/* /var/empty 2>/dev/null || :"); left != "" {
		t.Errorf("left: %s", left)
	}
}
