package rights

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Keep gives up all rights but these, by unveil(2) and pledge(2). A program that is
// started (Run) is not confined: neither call outlives its start.
func (r Rights) Keep() error {
	if err := KeepSecret(); err != nil {
		return err
	}
	promises := "stdio rpath wpath cpath fattr flock unix inet"
	if !r.none() {
		promises += " dns"
	}
	var err error
	for _, path := range append(r.List, r.Read...) {
		err = errors.Join(err, unveil(path, "r"))
	}
	for _, path := range r.Write {
		err = errors.Join(err, unveil(path, "rwc"))
	}
	if r.Run != "" {
		promises += " proc exec"
		err = errors.Join(err, unveil(r.Run, "x"))
	}
	err = errors.Join(err, unix.UnveilBlock())
	if err != nil {
		return fmt.Errorf("unveil: %w", err)
	}
	if err := unix.PledgePromises(promises); err != nil {
		return fmt.Errorf("pledge: %w", err)
	}
	return nil
}

// unveil lets a path be seen. If nothing is there, nothing needs to be seen.
func unveil(path, flags string) error {
	err := unix.Unveil(path, flags)
	if err == unix.ENOENT || err == unix.ENOTDIR || err == unix.EACCES {
		return nil
	}
	return err
}
