package fetch

import (
	"crypto/tls"
	"path/filepath"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
)

// A line that is cut at any byte, in TLS's middle of a record or between two, without
// close_notify: a message is taken only if its last byte came, and the session is no success
// before QUIT came.
func TestCutAtEachByte(t *testing.T) {
	self := issue(t, lasting(testHost, false), nil)
	const envelope = "HELO p\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n"
	for name, script := range map[string]string{
		"DATA": envelope + "DATA\r\nx\r\n.\r\n",
		"BDAT": envelope + "BDAT 3 LAST\r\nx\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "Maildir")
			into, err := Maildir{Dir: dir, Host: "mx", Idle: time.Minute}.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer into.Close()
			all, taken := script+"QUIT\r\n", 0
			for n := range len(all) + 1 {
				near, far := tcpPair(t, "127.0.0.1:0")
				result := make(chan error, 1)
				go func() {
					conn := encrypted{tls.Client(far, &tls.Config{InsecureSkipVerify: true})}
					result <- into.Receive(t.Context(), &Turned{Conn: conn}, &Tally{})
					far.Close()
				}()
				provider := tls.Server(near, &tls.Config{Certificates: []tls.Certificate{self.Certificate}})
				dialogue.New(t, provider).Expect("220 *")
				if _, err := provider.Write([]byte(all[:n])); err != nil {
					t.Fatal(err)
				}
				if n%2 == 0 {
					_, _ = near.Write([]byte{23, 3, 3, 0, 100, 1, 2}) // the start of a record
				}
				_ = closeWrite(near)
				if err := <-result; (err == nil) != (n == len(all)) {
					t.Errorf("cut after %q: %v", all[:n], err)
				}
				near.Close()
				if n >= len(script) {
					taken++
				}
				if got := len(files(t, filepath.Join(dir, "new"))); got != taken {
					t.Fatalf("cut after %q: %d messages, want %d", all[:n], got, taken)
				}
			}
		})
	}
}
