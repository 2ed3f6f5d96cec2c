package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"vodmr/test/kit/customer"
	"vodmr/test/kit/loopback"
)

// An outcome has the figures of one session.
type outcome struct {
	seconds    float64 // from the customer's ATRN to the end
	firstMAIL  float64 // from ATRN to the first MAIL
	between    float64 // from the first MAIL to the end of the last content
	recipients int     // accepted with content
	trips      int64   // from the first MAIL to the reply to the last content; 0 if not counted
	wire       int64   // bytes from the provider
	replies    int64   // bytes from the customer
	peak       int64   // KiB of vodmr-relay
	cpu        float64 // seconds of the whole program, in user and system mode
}

// session runs vodmr-relay, which relays the Maildir of a home to a customer's server
// at the other end of a link.
func (b *bench) session(home string, server customer.Server, l *link) (outcome, error) {
	near, far, err := loopback.Pair()
	if err != nil {
		return outcome{}, err
	}
	p, err := b.startRelay(home, far)
	if err != nil {
		near.Close()
		return outcome{}, err
	}
	conn, err := b.lay(near, l)
	if err != nil {
		return outcome{}, err
	}
	v := &visit{Conn: conn, link: l, pid: p.cmd.Process.Pid}
	err = v.serve(server)
	hungUp := server.CloseAfter > 0 && errors.Is(err, io.ErrClosedPipe)
	if hungUp {
		err = nil
	}
	conn.Close()
	v.seconds = time.Since(v.began).Seconds()
	codes := []int{0}
	if hungUp {
		codes = append(codes, 111)
	}
	err = errors.Join(err, p.wait(codes...))
	v.cpu = p.cpu()
	return v.outcome, err
}

// lay inserts the link between the provider's end and the customer's. If there is no
// delay, it connects them directly.
func (b *bench) lay(near net.Conn, l *link) (net.Conn, error) {
	if l.delay == 0 && l.bandwidth == 0 {
		return near, nil
	}
	inner, outer, err := loopback.Pair()
	if err != nil {
		return nil, err
	}
	l.join(near, inner)
	return outer, nil
}

// startRelay starts vodmr-relay as the checkpassword program does after a correct
// password.
func (b *bench) startRelay(home string, far *net.TCPConn, settings ...string) (*program, error) {
	auth, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer auth.Close()
	cmd := exec.Command(filepath.Join(b.bin, "vodmr-relay"), "-q", b.qmail, "Maildir")
	cmd.Env = append(relayEnvironment(home), settings...)
	cmd.ExtraFiles = []*os.File{auth} // descriptor 3
	return start(cmd, far, nil)
}

// relayEnvironment has the variables that vodmr and the checkpassword program set.
func relayEnvironment(home string) []string {
	return []string{oneProcessor, "VODMR_AUTHFD=3", "VODMR_HOST=mail.provider.example", "HOME=" + home, "VPOPUSER=" + login, path}
}

// A visit is the customer's end of a session: it is the connection of the server, and
// counts.
type visit struct {
	net.Conn
	outcome
	link      *link
	pid       int
	began     time.Time
	first     time.Time // MAIL
	firstTrip int64     // the trip of the first MAIL
}

// serve sends ATRN and then is the server.
func (v *visit) serve(server customer.Server) error {
	if _, err := loopback.Hear(v.Conn, "235"); err != nil {
		return err
	}
	v.began = time.Now()
	if _, err := io.WriteString(v.Conn, "ATRN\r\n"); err != nil {
		return err
	}
	if _, err := loopback.Hear(v.Conn, "250"); err != nil {
		return err
	}
	server.Discard = true
	server.Mail = v.mail
	server.Content = v.content
	stats, err := server.Serve(v)
	v.wire = stats.Octets
	v.peak = max(v.peak, peak(v.pid))
	return err
}

func (v *visit) mail(string) string {
	if v.first.IsZero() {
		v.first = time.Now()
		v.firstMAIL = v.first.Sub(v.began).Seconds()
		v.firstTrip = v.link.atCustomer.Load()
	}
	return ""
}

func (v *visit) content(_ string, to []string) string {
	v.recipients += len(to)
	v.between = time.Since(v.first).Seconds()
	if v.link.delay > 0 {
		v.trips = v.link.atCustomer.Load() - v.firstTrip + 1
	}
	return ""
}

// Write counts the replies, and reads the provider's memory while the provider waits
// for the last of them.
func (v *visit) Write(p []byte) (int, error) {
	if bytes.HasSuffix(p, []byte("221 2.0.0 bye\r\n")) {
		v.peak = peak(v.pid)
	}
	n, err := v.Conn.Write(p)
	v.replies += int64(n)
	return n, err
}
