package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mailreaders is that program at work in a site's Maildirs.
type mailreaders struct {
	cmd     *exec.Cmd
	out     io.Reader
	deleted map[string]bool
	ended   chan struct{} // closed once it has ended
	err     error
}

// newMailreaders prepares the program; args are its arguments, without the seed.
func (t *trial) newMailreaders(args ...string) *mailreaders {
	args = append([]string{"-s", fmt.Sprint(t.random.Uint64())}, args...)
	program := filepath.Join(t.bin, "mailreaders")
	return &mailreaders{cmd: exec.CommandContext(t.ctx, program, args...), deleted: make(map[string]bool), ended: make(chan struct{})}
}

func (c *mailreaders) start() (err error) {
	c.cmd.Stderr = os.Stderr
	if c.out, err = c.cmd.StdoutPipe(); err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	go func() {
		for lines := bufio.NewScanner(c.out); lines.Scan(); {
			if base, found := strings.CutPrefix(lines.Text(), "deleted "); found {
				c.deleted[base] = true
			}
		}
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return nil
}

// gone reports if the program has ended.
func (c *mailreaders) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// end waits for its end, and returns the files that it deleted.
func (c *mailreaders) end() (deleted map[string]bool, err error) {
	<-c.ended
	return c.deleted, c.err
}
