package fetch

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"vodmr/test/kit/dialogue"
)

// underTLS runs a test with a session under each version of TLS, up to the
// command ATRN, which is left to read.
func underTLS(t *testing.T, sink func(t *testing.T) Sink, test func(t *testing.T, v *visit)) {
	self := issue(t, lasting(testHost, false), nil)
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			v := start(t, Session{Sink: sink(t), TLS: TLS{Host: testHost, Pin: pin(self)}})
			v.play(startingTLS)
			config := &tls.Config{Certificates: []tls.Certificate{self.Certificate}, MaxVersion: version}
			if _, err := v.handshake(config); err != nil {
				t.Fatal(err)
			}
			v.play(ehloUnderTLS + "\t\tA: AUTH PLAIN *\n\t\tP: 235 2.7.0 ok\n")
			test(t, v)
		})
	}
}

// into is one Sink for all tests.
func into(s Sink) func(*testing.T) Sink { return func(*testing.T) Sink { return s } }

// readToEnd returns what comes up to the peer's close_notify.
func (v *visit) readToEnd() string {
	v.t.Helper()
	_ = v.Net().SetReadDeadline(time.Now().Add(time.Minute))
	got, err := io.ReadAll(v.Net())
	if err != nil {
		v.t.Errorf("after %q: %v", got, err)
	}
	v.notified()
	return string(got)
}

// notified checks that the last that came was close_notify: crypto/tls takes an
// end without it for an end of file.
func (v *visit) notified() {
	v.t.Helper()
	const alert, application = 21, 23
	text := v.Net().(*tls.Conn).NetConn().(*recording).text
	var kind, length int
	for len(text) >= 5 {
		kind, length = int(text[0]), int(text[3])<<8|int(text[4])
		text = text[min(5+length, len(text)):]
	}
	// TLS 1.3 hides the kind: two bytes, their kind and 16 bytes of proof.
	if kind != alert && (kind != application || length != 19) {
		v.t.Errorf("the last record is of kind %d and has %d bytes, which is no close_notify", kind, length)
	}
}

// A recording keeps what was read.
type recording struct {
	net.Conn
	text []byte
}

func (r *recording) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.text = append(r.text, p[:n]...)
	return n, err
}

// The first command comes in one record with the reply to ATRN; the provider's
// close_notify is the program's end of file, and the program's last words
// reach the provider after it.
func TestProgramUnderTLS(t *testing.T) {
	underTLS(t, into(shell("echo 220 x; cat; echo 221 bye")), func(t *testing.T, v *visit) {
		v.Expect("ATRN")
		v.Send("250 turning\r\nNOOP\r\n")
		v.Send("QUIT\r\n")
		v.CloseWrite()
		if got := v.readToEnd(); got != "220 x\nNOOP\r\nQUIT\r\n221 bye\n" {
			t.Errorf("got %q", got)
		}
		v.end(ExitFetched, "")
	})
}

// The program's end is a close_notify at the provider, and TCP's end below it, both
// long before atrn is out of patience (providerLinger).
func TestProgramEndsFirstUnderTLS(t *testing.T) {
	underTLS(t, into(shell("echo 220 x; read q; echo 421 bye")), func(t *testing.T, v *visit) {
		v.Expect("ATRN")
		v.Send("250 turning\r\nNOOP\r\n")
		if got := v.readToEnd(); got != "220 x\n421 bye\n" {
			t.Errorf("got %q", got)
		}
		below := v.Net().(*tls.Conn).NetConn()
		_ = below.SetReadDeadline(time.Now().Add(providerLinger / 2))
		if n, err := below.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
			t.Errorf("after close_notify: %d bytes, %v", n, err)
		}
		v.Close()
		v.end(ExitLater, "the receiving side hung up before*")
	})
}

func TestUnderTLSLosesNothing(t *testing.T) {
	underTLS(t, into(shell("exec cat")), func(t *testing.T, v *visit) {
		v.Expect("ATRN")
		v.Send("250 turning\r\n")
		sent := bytes.Repeat([]byte("NOOP 0123456789 0123456789\r\n"), 200000)
		sent = append(sent, "QUIT\r\n"...)
		go func() {
			_, _ = v.Net().Write(sent)
			_ = closeWrite(v.Net())
		}()
		if got := v.readToEnd(); got != string(sent) {
			t.Errorf("sent %d bytes, got %d", len(sent), len(got))
		}
		v.end(ExitFetched, "")
	})
}

func TestForwardUnderTLS(t *testing.T) {
	var servers net.Listener
	sink := func(t *testing.T) Sink {
		servers = listen(t, "127.0.0.1:0")
		address, err := ParseAddress(servers.Addr().String(), PortSMTP)
		if err != nil {
			t.Fatal(err)
		}
		return Forward{Address: address}
	}
	underTLS(t, sink, func(t *testing.T, v *visit) {
		v.Expect("ATRN")
		v.Send("250 turning\r\nEHLO p\r\n")
		conn, err := servers.Accept()
		if err != nil {
			t.Fatal(err)
		}
		server := dialogue.New(t, conn)
		server.Run("C: 220 mx\nS: EHLO p\nC: 250 mx")
		v.Expect("220 mx")
		v.Expect("250 mx")
		v.Run("C: QUIT")
		server.Run("S: QUIT\nC: 221 bye\nC: <end>")
		v.Run("S: 221 bye\nS: <end>")
		v.notified()
		v.Run("C: <end>")
		server.ExpectEnd()
		v.end(ExitFetched, "")
	})
}

func TestMaildirUnderTLS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Maildir")
	underTLS(t, into(Maildir{Dir: dir, Host: "mx.customer.example", Idle: IdleTime}), func(t *testing.T, v *visit) {
		v.Expect("ATRN")
		v.Send("250 turning\r\nEHLO p\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 3 LAST\r\nx\r\nQUIT\r\n")
		for range 11 {
			v.Expect("2*")
		}
		v.Expect("221 *")
		v.ExpectEnd()
		v.notified()
		v.end(ExitFetched, "")
		v.counted(1, 3)
	})
	const message = "Return-Path: <>\nDelivered-To: a@b.example\nx\n"
	wantDelivered(t, dir, message, message)
}

// A line that is cut without close_notify is no success, and half a message is none.
func TestCutUnderTLS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Maildir")
	underTLS(t, into(Maildir{Dir: dir, Host: "mx.customer.example", Idle: IdleTime}), func(t *testing.T, v *visit) {
		v.Expect("ATRN")
		v.Send("250 turning\r\nHELO p\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nhalf\r\n")
		for range 4 {
			v.Expect("2*")
		}
		v.Expect("354 *")
		v.Net().(*tls.Conn).NetConn().Close()
		v.end(ExitLater, "the provider hung up before it was done")
		v.counted(0, 0)
	})
	wantDelivered(t, dir)
	underTLS(t, into(shell(`printf '220 x\r\n'; cat >/dev/null`)), func(t *testing.T, v *visit) {
		v.Expect("ATRN")
		v.Send("250 turning\r\nNOOP\r\n")
		v.Expect("220 x")
		v.Net().(*tls.Conn).NetConn().Close()
		v.end(ExitLater, "the provider hung up before it was done")
	})
}

// When atrn is stopped what it owes still goes out, with a close_notify.
func TestStoppedUnderTLS(t *testing.T) {
	for name, sink := range map[string]Sink{
		"program": shell(`printf '220 x\r\n'; cat >/dev/null; printf '421 stopping\r\n'`),
		"Maildir": Maildir{Dir: t.TempDir(), Host: "x", Idle: IdleTime},
	} {
		t.Run(name, func(t *testing.T) {
			underTLS(t, into(sink), func(t *testing.T, v *visit) {
				v.Expect("ATRN")
				v.Send("250 turning\r\n")
				v.Expect("220 x*")
				v.stop()
				v.Expect("421 *")
				v.ExpectEnd()
				v.notified()
				v.end(ExitLater, "*cut short*")
			})
		})
	}
}
