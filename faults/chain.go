package main

import (
	"io"
	"net"

	"vodmr/internal/rig"
)

// A chain is the provider's programs, and how a customer gets to the turn.
type chain struct {
	name string
	// argv starts the chain, with wrap before the program in question.
	argv func(s *site, wrap []string) []string
	// turn goes from the provider's first word to ATRN's 250, and gives the
	// connection on which the customer is the server.
	turn func(s *site, conn net.Conn) (io.ReadWriter, error)
}

// relayChain is vodmr-relay alone, as a checkpassword program starts it.
func relayChain() chain {
	return chain{
		name: "vodmr-relay",
		argv: func(s *site, wrap []string) []string { return append(wrap, s.relayArgs()...) },
		turn: func(_ *site, conn net.Conn) (io.ReadWriter, error) {
			if _, err := rig.Hear(conn, "235"); err != nil {
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
			if err := rig.CRAMMD5(conn, login, password); err != nil {
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
