package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"vodmr/fdio"
)

// A Provider is where a session comes from.
type Provider interface {
	// Connect returns the connection on which the provider greets.
	Connect(ctx context.Context) (net.Conn, error)
	// String names the provider in messages.
	String() string
}

// TCP is a provider that is reached over the net.
type TCP struct{ Address Address }

func (t TCP) String() string { return hostPort(t.Address, PortODMR) }

// Connect tries each of the host's addresses in turn. The error, a Failure to
// be tried later, names each of them.
func (t TCP) Connect(ctx context.Context) (net.Conn, error) {
	conn, err := dial(ctx, t.Address)
	if err != nil {
		return nil, later(err, "cannot connect to the provider %s", t)
	}
	return conn, nil
}

// connectTime is how long one address may take to answer.
const connectTime = time.Minute

// dial is net.Dialer without its race between address families, whose error
// names only one address.
func dial(ctx context.Context, a Address) (net.Conn, error) {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", a.Host)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: connectTime, KeepAlive: -1, Control: keepAlive} // -1: not Go's own times
	var failed []error
	for _, ip := range addresses {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(ip.Unmap().String(), a.Port))
		if err == nil {
			return conn, nil
		}
		failed = append(failed, short(ip, err))
	}
	return nil, joined(failed)
}

// keepAlive lets the kernel notice within two minutes that the line went dark: a
// customer that only waits for commands would wait for ever.
func keepAlive(_, _ string, socket syscall.RawConn) error {
	return socket.Control(func(fd uintptr) { fdio.KeepAlive(int(fd)) })
}

// short drops the words "dial tcp" of a net.OpError, keeping the address.
func short(ip netip.Addr, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("%s: %w", ip.Unmap(), err)
}

// joined is errors.Join on one line.
func joined(failed []error) error {
	var all error
	for _, err := range failed {
		if all == nil {
			all = err
			continue
		}
		all = fmt.Errorf("%w; %w", all, err)
	}
	if all == nil {
		return errors.New("the name has no address")
	}
	return all
}
