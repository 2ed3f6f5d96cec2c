package qmail

import (
	"errors"

	"golang.org/x/sys/unix"

	"vodmr/internal/address"
)

// List reads the entries of a control file that is a list, such as rcpthosts: no
// comments and no empty lines. An absent file is an error that wraps
// unix.ENOENT, since some of them mean something else then.
func (h Home) List(name string) ([]string, error) {
	c := control{home: h, open: openRegular}
	if _, err := ReadFile(h.Path("control/" + name)); err != nil {
		return nil, err
	}
	return c.lines(name), c.err
}

// Locals lists the domains of which the mail is for users of this host, in lower case: those
// of control/locals. If that file is absent, it is host, which is control/me's.
func (h Home) Locals(host string) ([]string, error) {
	locals, err := h.List("locals")
	if errors.Is(err, unix.ENOENT) {
		locals, err = []string{host}, nil
	}
	for i, domain := range locals {
		locals[i] = address.Lower(domain)
	}
	return locals, err
}

// Line reads the first line of a control file, without the blanks at its end. An
// absent file is not found.
func (h Home) Line(name string) (line string, found bool, err error) {
	c := control{home: h, open: openRegular}
	line, found = c.read(name)
	return line, found, c.err
}
