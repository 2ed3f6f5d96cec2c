// Gosmtp is a customer's mail server made of the library go-smtp, for tests. It
// listens on a free port of 127.0.0.1, which is its first line on standard output, and
// keeps each message as a file of a Maildir, the envelope as two lines on top.
//
//	gosmtp [-narrow] MAILDIR
//
// With -narrow it takes one recipient a message, few bytes, and no addresses in UTF-8.
//
// It refuses recipients that begin with "refused", and defers those that begin with
// "deferred".
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/emersion/go-smtp"
)

func main() {
	narrow := flag.Bool("narrow", false, "take little at a time")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: gosmtp [-narrow] MAILDIR")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{maildir: flag.Arg(0)}, nil
	}))
	server.Domain = "customer.example"
	server.EnableSMTPUTF8 = !*narrow
	if *narrow {
		server.MaxRecipients, server.MaxMessageBytes = 1, 80_000
	}
	log.Fatal(server.Serve(listener))
}

type session struct {
	maildir, from string
	to            []string
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case strings.HasPrefix(to, "refused"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody has that address"}
	case strings.HasPrefix(to, "deferred"):
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "not today"}
	}
	s.to = append(s.to, to)
	return nil
}

// Data keeps the message once for each recipient.
func (s *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		if err := s.keep(to, content); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) keep(to string, content []byte) error {
	file, err := os.CreateTemp(filepath.Join(s.maildir, "tmp"), "gosmtp-")
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := fmt.Fprintf(file, "Return-Path: <%s>\nDelivered-To: %s\n%s", s.from, to, content); err != nil {
		return err
	}
	return os.Rename(file.Name(), filepath.Join(s.maildir, "new", filepath.Base(file.Name())))
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }
