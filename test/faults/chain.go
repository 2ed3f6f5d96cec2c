package main

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"

	"vodmr/test/kit/loopback"
)

// A chain is the provider's programs, and the way a customer reaches the turn.
type chain struct {
	name string
	// argv starts the chain, with wrap before the program under test.
	argv func(s *site, wrap []string) []string
	// turn leads from the provider's greeting to the 250 to ATRN, and returns the
	// connection on which the customer is the server.
	turn func(s *site, conn net.Conn) (io.ReadWriter, error)
	// fetches is set if the program under test is the customer's atrn.
	fetches bool
	// expires is set if it is vodmr-expire: then there is no customer.
	expires bool
}

// relayChain is vodmr-relay alone, as a checkpassword program starts it.
func relayChain() chain {
	return chain{
		name: "vodmr-relay",
		argv: func(s *site, wrap []string) []string { return append(wrap, s.relayArgs()...) },
		turn: func(_ *site, conn net.Conn) (io.ReadWriter, error) {
			if _, err := loopback.Hear(conn, "235"); err != nil {
				return nil, err
			}
			return conn, atrn(conn)
		},
	}
}

// vodmrChain is vodmr, vodmr-checkpw and vodmr-relay.
func vodmrChain() chain {
	return chain{
		name: "vodmr",
		argv: func(s *site, wrap []string) []string { return append(wrap, s.vodmrArgs()...) },
		turn: func(_ *site, conn net.Conn) (io.ReadWriter, error) {
			if err := loopback.CRAMMD5(conn, login, password); err != nil {
				return nil, err
			}
			return conn, atrn(conn)
		},
	}
}

func (s *site) relayArgs() []string {
	return []string{s.program("vodmr-relay"), "-q", s.qmail, "Maildir"}
}

func (s *site) vodmrArgs() []string {
	argv := []string{s.program("vodmr"), host, s.program("vodmr-checkpw"), s.passwords()}
	return append(argv, s.relayArgs()...)
}

// tlsChain is the vodmrChain behind vodmr-tls: with STARTTLS if starttls is set,
// otherwise with TLS from the start.
func tlsChain(starttls bool) chain {
	c := chain{name: "vodmr-tls", turn: tlsTurn}
	flags := []string{}
	if starttls {
		c.turn, flags = starttlsTurn, []string{"-s"}
	}
	c.argv = func(s *site, wrap []string) []string {
		argv := append(wrap, s.program("vodmr-tls"))
		argv = append(append(argv, flags...), "-c", s.certificate())
		return append(argv, s.vodmrArgs()...)
	}
	return c
}

func starttlsTurn(s *site, conn net.Conn) (io.ReadWriter, error) {
	if _, err := loopback.Hear(conn, "220"); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, "STARTTLS\r\n"); err != nil {
		return nil, err
	}
	if _, err := loopback.Hear(conn, "220"); err != nil {
		return nil, err
	}
	return plainTurn(insecure(conn))
}

func tlsTurn(s *site, conn net.Conn) (io.ReadWriter, error) {
	secure := insecure(conn)
	if _, err := loopback.Hear(secure, "220"); err != nil {
		return nil, err
	}
	return plainTurn(secure)
}

// insecure is TLS that accepts any certificate: the connection does not leave this
// machine.
func insecure(conn net.Conn) net.Conn {
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
}

// plainTurn logs in by PLAIN (RFC 4616).
func plainTurn(conn net.Conn) (io.ReadWriter, error) {
	word := base64.StdEncoding.EncodeToString([]byte("\x00" + login + "\x00" + password))
	if _, err := fmt.Fprintf(conn, "AUTH PLAIN %s\r\n", word); err != nil {
		return nil, err
	}
	if _, err := loopback.Hear(conn, "235"); err != nil {
		return nil, err
	}
	return conn, atrn(conn)
}

// atrnMax is the largest message, in bytes, that atrn accepts.
const atrnMax = 1500000

// atrnChain is atrn, which receives into a Maildir, and the vodmrChain behind it.
func atrnChain() chain {
	return chain{
		name: "atrn", fetches: true,
		argv: func(s *site, wrap []string) []string {
			argv := append(wrap, s.program("atrn"), "-u", login, "-p", s.secret(), "-z", fmt.Sprint(atrnMax), "-m", s.inbox())
			return append(argv, "-e", "exec "+strings.Join(s.vodmrArgs(), " "))
		},
	}
}

// mail makes one message of each sort for this chain.
func (c chain) mail() []*message {
	if c.fetches {
		return fetched()
	}
	return variety()
}
