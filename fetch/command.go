package fetch

import (
	"context"
	"net"
	"os"
	"sync"
	"time"

	"vodmr/internal/child"
)

// Command is a provider that a shell command leads to, such as ssh: it gets the
// connection as its descriptors 0 and 1.
type Command struct{ Line string }

func (c Command) String() string { return "the command" }

// Connect starts the command. Closing the connection ends it.
func (c Command) Connect(context.Context) (net.Conn, error) {
	conn, started, err := startOnSocket("/bin/sh", []string{"/bin/sh", "-c", c.Line}, os.Environ())
	if err != nil {
		return nil, later(err, "cannot run the command")
	}
	return &commandConn{UnixConn: conn, child: started}, nil
}

// commandGrace is how long a command may take to end once its input has ended.
const commandGrace = 5 * time.Second

type commandConn struct {
	*net.UnixConn
	child *child.Child
	once  sync.Once
	err   error // of closing the connection
	ended error // how the command ended, if not well
}

// Close hangs up and sees the command's end.
func (c *commandConn) Close() error {
	c.once.Do(func() {
		c.err = c.UnixConn.Close()
		c.ended = c.child.End(commandGrace, commandGrace)
	})
	return c.err
}

// Status says how the command ended, "" if it ended well.
func (c *commandConn) Status() string {
	_ = c.Close()
	if c.ended == nil {
		return ""
	}
	return "the command ended with " + c.ended.Error()
}
