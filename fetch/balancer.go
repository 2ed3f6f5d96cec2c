package fetch

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"time"

	"vodmr/smtp"
)

// A balancer in front of a provider, or of the customer's own server, has troubles of its
// own: no server is left behind it, or it sends a PROXY header to a server that reads none.
// Seen from here both look like a broken server, so these words name the balancer.

const (
	noServerLeft = "if it is a balancer that answers there, no server is left behind it, or vodmr-proxy there waits for a header in vain: try again later"
	unreadHeader = "the provider's balancer sends a PROXY header that the server behind it does not read: tell the provider's administrator"
	innerHeader  = "; if a balancer is in front of that server, it may send a PROXY header that the server does not read"
)

// hungUp reports if the other end closed the connection, in order or by a reset.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// isUnreadHeader reports if a reply in the place of EHLO's answers a PROXY header: vodmr says
// so, and other servers find QUIT in version 2's signature.
func isUnreadHeader(r smtp.Reply) bool {
	return r.Code == 554 && strings.Contains(r.String(), "PROXY header") || r.Code == 221
}

// moreTime is how long a reply to a command that was not sent is waited for.
const moreTime = 2 * time.Second

// saysMore reports if another reply follows that nothing here has asked for. Then the one
// before it answered a header: version 1 is one command to a server that reads none, and
// version 2 several.
func (d *conversation) saysMore() bool {
	_ = d.conn.SetReadDeadline(time.Now().Add(moreTime))
	_, err := d.next("another reply")
	return err == nil
}

// ehloRefused is the failure for any other reply than 2xx to EHLO. A server to which version
// 1 of the header is an unknown command says 500 or 502.
func ehloRefused(r smtp.Reply) error {
	text := "the provider refused EHLO, and without it there is no login"
	if r.AboutCommand() {
		text += innerHeader
	}
	return later(r, "%s", text)
}
