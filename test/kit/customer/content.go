package customer

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// data reads the content up to the dot, and keeps its CRLFs.
func (c *session) data() error {
	if c.NoDATA {
		c.say("500 5.5.2 what?")
		return nil
	}
	if len(c.to) == 0 || c.chunks {
		c.say("554 5.5.1 no valid recipients")
		return nil
	}
	if c.Pipelining && c.in.Buffered() > 0 {
		return fmt.Errorf("content was sent before 354")
	}
	c.say("354 go")
	if err := c.out.Flush(); err != nil {
		return err
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			c.keep(line)
			continue
		}
		if err != nil {
			return err
		}
		if string(line) == ".\r\n" {
			return c.end()
		}
		c.keep(bytes.TrimPrefix(line, []byte(".")))
	}
}

func (c *session) keep(b []byte) {
	if !c.Discard {
		c.content.Write(b)
	}
}

// bdat reads a chunk even if it then refuses it (RFC 3030 section 2).
func (c *session) bdat(arg string) error {
	size, last, err := parseBDAT(arg)
	if err != nil {
		return err
	}
	if c.Obeys && (len(c.to) == 0 || c.broken) {
		c.broken = false // it knows nothing of that state
		c.say("502 5.5.1 need a recipient")
		return nil
	}
	if c.Discard {
		if _, err := c.in.Discard(size); err != nil {
			return err
		}
	} else if _, err := io.CopyN(&c.content, c.in, int64(size)); err != nil {
		return err
	}
	if len(c.to) == 0 || c.broken {
		c.broken = true
		c.say("554 5.5.1 no valid recipients")
		return nil
	}
	c.chunks = true
	if !last {
		c.say("250 2.0.0 go on")
		return nil
	}
	return c.end()
}

func parseBDAT(arg string) (size int, last bool, err error) {
	words := strings.Fields(arg)
	if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "LAST" {
		return 0, false, fmt.Errorf("BDAT %q", arg)
	}
	size, err = strconv.Atoi(words[0])
	return size, len(words) == 2, err
}

// end answers the complete content.
func (c *session) end() error {
	from, to, chunks, content := c.from, c.to, c.chunks, bytes.Clone(c.content.Bytes())
	c.reset()
	if c.Content != nil {
		if reply := c.Content(from, to); reply != "" {
			c.say(reply)
			return nil
		}
	}
	c.stats.Messages++
	if c.MuteFrom > 0 && c.stats.Messages == c.MuteFrom {
		_ = c.out.Flush()
		c.out.Reset(io.Discard)
	}
	closing := c.CloseAfter > 0 && c.stats.Messages >= c.CloseAfter
	if c.Take != nil && (!closing || c.MuteFrom > 0) {
		c.Take(from, to, content)
	}
	if closing {
		_ = c.out.Flush()
		return io.ErrClosedPipe
	}
	c.say(c.code("250 ", "2.0.0 ") + "taken")
	if c.Twice && chunks {
		c.say(c.code("250 ", "2.0.0 ") + "taken")
	}
	return nil
}
