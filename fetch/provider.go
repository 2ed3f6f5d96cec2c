package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"vodmr/internal/fdio"
)

// A Provider is the origin of a session.
type Provider interface {
	// Connect returns the connection on which the provider greets.
	Connect(ctx context.Context) (net.Conn, error)
	// String names the provider in messages.
	String() string
}

// TCP is a provider that is reached over the net.
type TCP struct{ Address Address }

func (t TCP) String() string {
	if t.Address.Port == PortODMR { // which is not worth a word
		return t.Address.Host
	}
	return t.Address.String()
}

// Connect tries each of the host's addresses in turn. The error, a Failure to
// be tried later, names each of them.
func (t TCP) Connect(ctx context.Context) (net.Conn, error) {
	conn, err := dial(ctx, t.Address, func(fd int) {
		fdio.KeepAlive(fd)
		fdio.UserTimeout(fd)
	})
	if err != nil {
		return nil, later(err, "cannot connect to the provider %s", t)
	}
	return conn, nil
}

// connectTime is how long one address may take to answer.
const connectTime = time.Minute

// dial prepares each socket: a customer that only waits for commands would not see a
// line that went dark. It is net.Dialer without its race between address families,
// since the error of that names only one address.
func dial(ctx context.Context, a Address, prepare func(fd int)) (net.Conn, error) {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", a.Host)
	if err != nil {
		return nil, err
	}
	control := func(_, _ string, socket syscall.RawConn) error {
		return socket.Control(func(fd uintptr) { prepare(int(fd)) })
	}
	dialer := net.Dialer{Timeout: connectTime, KeepAlive: -1, Control: control} // -1: not Go's own times
	var failed error
	for _, ip := range addresses {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(ip.Unmap().String(), a.Port))
		if err == nil {
			return conn, nil
		}
		failed = joined(failed, short(ip, err))
	}
	return nil, cmp.Or(failed, errors.New("the name has no address"))
}

// joined is errors.Join on one line.
func joined(earlier, last error) error {
	if earlier == nil {
		return last
	}
	return fmt.Errorf("%w; %w", earlier, last)
}

// short drops the words "dial tcp" of a net.OpError, keeping the address.
func short(ip netip.Addr, err error) error {
	if op, is := errors.AsType[*net.OpError](err); is {
		err = op.Err
	}
	return fmt.Errorf("%s: %w", ip.Unmap(), err)
}
