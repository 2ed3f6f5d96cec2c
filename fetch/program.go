package fetch

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"vodmr/internal/child"
)

// Program is a Sink that runs a program with the turned connection on its
// descriptors 0 and 1, as tcpserver would.
type Program struct {
	Args    []string // the program and its arguments
	Environ []string // as os.Environ gives it
	Guard   Guard
	path    string // of the program, once Open has found it
}

// Open looks for the program; it starts once the connection has turned.
func (p Program) Open(context.Context) (Receiver, error) {
	path, err := child.LookPath(p.Args[0], os.Getenv("PATH"))
	if err != nil || child.Executable(path) != nil {
		return nil, misuse("cannot run %s: there is no such program", p.Args[0])
	}
	p.path = path
	return p, nil
}

// Close has nothing to release.
func (p Program) Close() {}

// programGrace is how long the program may work on after its input's end.
const programGrace = 10 * time.Minute

// Receive runs the program until it ends. That it ends well is part of the
// success.
func (p Program) Receive(ctx context.Context, provider *Turned, tally *Tally) error {
	conn, started, err := startOnSocket(p.path, p.Args, connectionEnv(p.Environ, provider))
	if err != nil {
		dismiss(ctx, provider)
		return later(err, "cannot run %s, so the provider keeps the mail", p.Args[0])
	}
	defer conn.Close()
	err = newPump(provider, conn, p.Guard, tally).run(ctx)
	conn.Close()
	ended := started.End(programGrace, commandGrace)
	if ended != nil && ctx.Err() == nil {
		return later(ended, "%s failed", p.Args[0])
	}
	return err
}

// connectionEnv is tcpserver's environment for the connection. RELAYCLIENT must
// not get through: it would let the provider send mail to the world through
// this host. Nor must another connection's addresses.
func connectionEnv(environ []string, c *Turned) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "RELAYCLIENT" || name == "PROTO" || strings.HasPrefix(name, "TCP")
	})
	remoteIP, remotePort := addrPort(c.RemoteAddr())
	localIP, localPort := addrPort(c.LocalAddr())
	if remoteIP == "" {
		return env
	}
	return append(env, "PROTO=TCP",
		"TCPREMOTEIP="+remoteIP, "TCPREMOTEPORT="+remotePort,
		"TCPLOCALIP="+localIP, "TCPLOCALPORT="+localPort)
}
