package install

import (
	"path/filepath"
	"strings"
	"testing"

	"vodmr/test/kit/require"
)

// tellSite is a front with a broker and with vodmr-tell as a service of systemd. /seen is what
// the broker passes on, and /woken what becomes of the files in a Maildir.
const tellSite = `set -e
cp /stage/tell/bin/* /usr/local/bin/
cp /stage/tell/lib/* /usr/local/lib/
ldconfig
useradd --system --no-create-home vodmrmail
install -m 644 /stage/tell/vodmr-tell.service /etc/systemd/system/
mkdir -p /etc/vodmr/tell /var/lib/vodmr/example.org/Maildir
cd /var/lib/vodmr/example.org/Maildir
mkdir new cur tmp
chmod -R go= /var/lib/vodmr/example.org
cd /etc/vodmr/tell
printf '%s\n' '-p 1883' >mosquitto_pub
cp mosquitto_pub mosquitto_sub
chmod 600 *
chown -R vodmrmail /etc/vodmr/tell /var/lib/vodmr/example.org
printf '[Service]\nEnvironment=BROKER=127.0.0.1\n' >/broker.conf
install -D -m 644 /broker.conf /etc/systemd/system/vodmr-tell.service.d/broker.conf
printf 'listener 1883 127.0.0.1\nallow_anonymous true\n' >/mosquitto.conf
systemd-run -q --unit=broker mosquitto -c /mosquitto.conf
systemd-run -q --unit=seen --property=StandardOutput=append:/seen --property=Restart=always --property=RestartSec=1 \
	mosquitto_sub -h 127.0.0.1 -p 1883 -t vodmr/new
systemd-run -q --unit=woken --property=StandardOutput=append:/woken inotifywait -q -m -e create -e delete \
	--format '%e %f' /var/lib/vodmr/example.org/Maildir/new
systemctl daemon-reload
systemctl start vodmr-tell.service
set +e
`

// TestFrontsTellEachOther: confined as its unit says, vodmr-tell names the Maildir that got
// mail, and wakes the session of a Maildir that another front names.
func TestFrontsTellEachOther(t *testing.T) {
	require.UserNamespace(t, "vodmr-tell.service has PrivateUsers")
	stage := t.TempDir()
	base, tell := bare(t), filepath.Join(stage, "tell")
	must(t, stage, "mkdir", "-p", tell+"/bin", tell+"/lib")
	must(t, "../../dist/mosquitto", "cp", "vodmr-tell.service", tell)
	must(t, "../../dist/mosquitto", "install", "vodmr-tell", tell+"/bin")
	for _, name := range []string{"mosquitto", "mosquitto_pub", "mosquitto_sub", "inotifywait"} {
		must(t, stage, "sh", "-c", `cp "$1" tell/bin/ && ldd "$1" | awk '$3 ~ /^\// && $1 !~ /^libc\./ { print $3 }' |
			xargs -I{} cp -L {} tell/lib/`, "sh", require.Program(t, name))
	}
	b := newBox(t, base, stage, "front")
	b.must(tellSite)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := b.run("tail /seen /woken; systemctl status vodmr-tell.service; journalctl -n 30 --no-pager")
			t.Log(out)
		}
	})
	// Each try is a new message: the first may come before the watch has begun.
	eventually(t, "the name of the Maildir", func() bool {
		b.must("cd /var/lib/vodmr/example.org/Maildir; f=$(mktemp tmp/XXXXXX); mv $f new/; sleep 0.2")
		out, _ := b.run("cat /seen")
		return strings.Contains(out, "front example.org/Maildir/new\n") || strings.HasSuffix(out, "front example.org/Maildir/new")
	})
	eventually(t, "the file that wakes a session", func() bool {
		b.must("mosquitto_pub -h 127.0.0.1 -p 1883 -t vodmr/new -m 'other example.org/Maildir/new'; sleep 0.2")
		out, _ := b.run("cat /woken")
		return strings.Contains(out, "CREATE .vodmr-wake.front") && strings.Contains(out, "DELETE .vodmr-wake.front")
	})
	if out, code := b.run("systemctl stop vodmr-tell.service; systemctl is-failed vodmr-tell.service"); out != "inactive" {
		t.Errorf("it ended as %q, %d", out, code)
	}
}
