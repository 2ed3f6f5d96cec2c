package fetch

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
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
	end := func() (closing, ended error) { return conn.Close(), started.End(commandGrace, commandGrace) }
	return &commandConn{conn, sync.OnceValues(end)}, nil
}

// commandGrace is how long a command may take to end once its input has ended.
const commandGrace = 5 * time.Second

type commandConn struct {
	*net.UnixConn
	// end hangs up, and says how the command ended, if not well.
	end func() (closing, ended error)
}

// Close hangs up and sees the command's end.
func (c *commandConn) Close() error {
	closing, _ := c.end()
	return closing
}

// Status says how the command ended, "" if it ended well.
func (c *commandConn) Status() string {
	_, ended := c.end()
	if ended == nil {
		return ""
	}
	return "the command ended with " + ended.Error()
}
