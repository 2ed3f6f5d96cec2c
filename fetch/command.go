package fetch

import (
	"context"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Command is a provider that a shell command leads to, such as ssh: it gets the
// connection as its descriptors 0 and 1.
type Command struct{ Line string }

func (c Command) String() string { return "the command" }

// Connect starts the command. Closing the connection ends it.
func (c Command) Connect(context.Context) (net.Conn, error) {
	cmd := exec.Command("/bin/sh", "-c", c.Line)
	cmd.Stderr = os.Stderr
	conn, err := startOnSocket(cmd)
	if err != nil {
		return nil, later(err, "cannot run the command")
	}
	return &commandConn{UnixConn: conn, child: newChild(cmd)}, nil
}

// commandGrace is how long a command may take to end once its input has ended.
const commandGrace = 5 * time.Second

type commandConn struct {
	*net.UnixConn
	child *child
	once  sync.Once
	err   error
}

// Close hangs up and sees the command's end.
func (c *commandConn) Close() error {
	c.once.Do(func() {
		c.err = c.UnixConn.Close()
		c.child.end(commandGrace, commandGrace)
	})
	return c.err
}

// Status says how the command ended, "" where it ended well.
func (c *commandConn) Status() string {
	_ = c.Close()
	if c.child.err == nil {
		return ""
	}
	return "the command ended with " + c.child.err.Error()
}
