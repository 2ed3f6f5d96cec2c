// Customer is a customer's mail server for scripts/demo. It speaks SMTP on
// descriptors 0 and 1, to which atrn connects the turned session, stores mail in a
// Maildir, and refuses recipients as unknown: one address, or all but some.
//
//	customer MAILDIR ADDRESS
//	customer MAILDIR only ADDRESS...
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"vodmr/maildir"
	"vodmr/test/kit/customer"
)

func main() {
	if len(os.Args) < 3 || len(os.Args) > 3 != (os.Args[2] == "only") {
		fmt.Fprintln(os.Stderr, "usage: customer MAILDIR ADDRESS\n       customer MAILDIR only ADDRESS...")
		os.Exit(100)
	}
	has := func(to string) bool { return to != os.Args[2] }
	if os.Args[2] == "only" {
		has = func(to string) bool { return slices.Contains(os.Args[3:], to) }
	}
	if err := serve(os.Args[1], has); err != nil {
		fmt.Fprintln(os.Stderr, "customer:", err)
		os.Exit(111)
	}
}

// serve serves one connection. has reports if it has a recipient.
func serve(dir string, has func(to string) bool) error {
	into, err := open(dir)
	if err != nil {
		return err
	}
	server := customer.Server{
		Pipelining: true,
		Chunking:   true,
		Offers:     []string{"8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"},
		Rcpt: func(to string) string {
			if !has(to) {
				return "550 5.1.1 nobody here has that address"
			}
			return ""
		},
		Take: func(from string, to []string, content []byte) {
			if err := take(into, from, to, content); err != nil {
				// Take cannot refuse. If there is no reply, the provider keeps the
				// message.
				fmt.Fprintln(os.Stderr, "customer:", err)
				os.Exit(111)
			}
		},
	}
	_, err = server.Serve(connection{os.Stdin, os.Stdout})
	return err
}

// A connection reads from one descriptor and writes to another.
type connection struct {
	io.Reader
	io.Writer
}

func open(dir string) (*maildir.Receiver, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := maildir.Make(dir); err != nil {
		return nil, err
	}
	box, err := maildir.Open("", dir)
	if err != nil {
		return nil, err
	}
	return box.Receive("customer.example")
}

// take delivers one message to all of its recipients.
func take(into *maildir.Receiver, from string, to []string, content []byte) error {
	d, err := into.NewDelivery(from, to, "Received: by customer.example with ESMTP via ATRN\n")
	if err != nil {
		return err
	}
	if _, err := d.Write(content); err != nil {
		d.Abort()
		return err
	}
	return d.Commit()
}
