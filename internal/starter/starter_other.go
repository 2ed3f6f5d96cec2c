//go:build !linux

package starter

import (
	"errors"

	"golang.org/x/sys/unix"
)

// A Starter is for Linux: elsewhere a confined process can be left the right to run one
// program.
type Starter struct{}

// Fork has nothing to make.
func Fork(Command) (*Starter, error) { return nil, errors.ErrUnsupported }

// Start starts nothing.
func (*Starter) Start([3]int) (*Run, error) { return nil, errors.ErrUnsupported }

// Close has nothing to close.
func (*Starter) Close() {}

func send(int, byte) error { return errors.ErrUnsupported }

func receiveStatus(int) (unix.WaitStatus, error) { return 0, errGone }
